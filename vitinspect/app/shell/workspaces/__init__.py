"""The workspaces in their order; a new one is a module with a record, listed here."""

from __future__ import annotations

from vitinspect.app.shell.workspace import Workspace
from vitinspect.app.shell.workspaces import compare, figure, inspect_, masks, network, people

WORKSPACES: tuple[Workspace, ...] = (
    inspect_.WORKSPACE,
    network.WORKSPACE,
    masks.WORKSPACE,
    people.WORKSPACE,
    compare.WORKSPACE,
    figure.WORKSPACE,
)


def workspace(workspace_id: str) -> Workspace:
    """The one of that id; the first where there is none, as in a state that another version saved."""
    return next((w for w in WORKSPACES if w.id == workspace_id), WORKSPACES[0])
