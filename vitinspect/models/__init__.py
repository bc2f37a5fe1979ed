"""Models: where weights come from, what a wrapped Vision Transformer knows about itself."""
