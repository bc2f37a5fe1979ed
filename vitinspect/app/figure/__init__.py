"""The Figure workspace: a page that is composed of what the window shows, and what stands around it."""
