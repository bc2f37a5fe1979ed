"""The former place of ``vitinspect.app.session.state``, for modules that are not moved yet."""

from vitinspect.app.session.state import *  # noqa: F403
