"""Painting: colour maps, overlays, figures. No Qt, no torch."""
