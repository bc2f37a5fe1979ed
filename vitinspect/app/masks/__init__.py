"""Masks by hand: the view that is drawn on, its tools, and what stands around it. ``services/masks.py`` keeps them."""
