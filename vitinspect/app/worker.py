"""The former place of ``vitinspect.app.compute.worker``, for modules that are not moved yet."""

from vitinspect.app.compute.worker import *  # noqa: F403
