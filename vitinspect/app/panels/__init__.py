"""The panels around the canvas. Each reads the state and the results, and asks the state to change."""
