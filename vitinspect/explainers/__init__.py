"""Explainers: the registry, the shared trace, and one module per family of methods."""
