"""Where models come from, and what vitinspect knows about them.

``sources``            one function, ``load_model``, for every kind of source;
``checkpoints``        state dicts in the files and layouts that people have, read as data and never as code;
``from_transformers``  folders saved by the ``transformers`` library, mapped to timm's names;
``vit``, ``anatomy``   the wrapped model and the parts of it that the explainers need;
``heads``              heads that timm has no class for;
``preprocess``         from a picture to the model's input, and back to the picture;
``labels``             names of classes, and finding one by a part of its name.
"""
