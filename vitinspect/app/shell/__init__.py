"""The window's frame: workspaces, context bar, menus, palette, status. It puts the parts in their places."""
