"""The picture with its maps: one widget that paints one pane or many, all with one view."""
