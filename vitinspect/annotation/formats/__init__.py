"""The formats of masks: each reads a file into ``shapes.Annotations``, and some write masks.

``pixels`` is for files that are a mask themselves (PNG, TIFF, JPEG, NumPy); ``labelme``, ``coco`` and ``cvat`` for
files that hold shapes of one or many pictures; ``unsupported`` names the others and says what to export instead.
"""
