"""The methods: one module per family, each declared beside its code."""
