"""Explainers: the engine, the registry and the trace they share; methods, relevance propagation, repeated passes."""
