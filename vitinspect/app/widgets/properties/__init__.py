"""The properties of one layer as forms: parameters, display, threshold, members of a fused map."""
