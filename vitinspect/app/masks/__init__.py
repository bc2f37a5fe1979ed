"""Masks by hand: the view that is drawn on, its tools, and the parts around it. ``services/masks.py`` keeps them."""
