"""The former place of ``vitinspect.app.session.results``, for modules that are not moved yet."""

from vitinspect.app.session.results import *  # noqa: F403
