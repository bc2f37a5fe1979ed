"""What the window shows and remembers: its state, and what was computed for it."""
