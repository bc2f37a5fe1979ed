"""The former place of ``vitinspect.app.compute.map_cache``, for modules that are not moved yet."""

from vitinspect.app.compute.map_cache import *  # noqa: F403
