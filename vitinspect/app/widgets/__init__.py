"""The window's own controls. Each takes plain data and emits signals; none knows the state, the worker or a service."""
