"""The attention network beside the picture: what is computed (``networks``), what it means (``model``, ``geometry``:
arrays without Qt), how it is painted (``painting``, ``views``, ``aggregate``), and the panel that contains it all.
"""
