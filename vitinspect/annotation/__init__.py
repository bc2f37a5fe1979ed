"""Masks that people draw: reading and writing them in the formats that tools use, and what is done to them.

``masks``       ``vi.masks``: load, load_all, save, whatever the format;
``coding``      what the pixels of a mask picture mean: binary, classes of a palette, colours, a threshold;
``formats/``    labelme, COCO, CVAT and pixel files, each read into the same few objects;
``raster``      polygons, boxes and ellipses as pixels, by the conventions of the tools that wrote them;
``regions``     connected parts, holes, outlines, growing and shrinking;
``operations``  what the window offers to do to a mask, as functions over arrays.

Nothing here imports Qt or torch.
"""
