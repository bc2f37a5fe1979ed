"""The People workspace: maps beside people's masks."""
