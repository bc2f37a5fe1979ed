"""Masks that people draw: reading and writing them in the formats that tools use, and what is done to them.

``masks``       ``vi.masks``: load, load_all, save, whatever the format;
``coding``      what the pixels of a mask picture mean: binary, classes of a palette, colours, a threshold;
``formats/``    labelme, COCO, CVAT and pixel files, each read into the same few objects;
``raster``      polygons, boxes and ellipses as pixels, by the conventions of the tools that wrote them;
``regions``     connected parts, holes, outlines, growing and shrinking;
``exchange``    bringing masks in and giving them out, between folders;
``document``    the mask that is drawn: labels, strokes, undo (``strokes``, ``tiles``, ``history``, ``operations``);
``journal``     what keeps it when the program dies; ``store`` writes it beside the pictures;
``folders``     which mask file belongs to which picture; ``study`` who draws which pictures.
``agreement``   how well people agree (``patterns``, ``reliability``, ``outline_distances``; ``agreement_report``);
``consensus``   one mask out of several people's; ``gather`` finds the masks that are compared.

Nothing here imports Qt or torch.
"""
