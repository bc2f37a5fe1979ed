"""The Figure workspace: a page that is composed from what the window shows, and the parts around it."""
