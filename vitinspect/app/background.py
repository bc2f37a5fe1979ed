"""The former place of ``vitinspect.app.compute.thread_pool``, for modules that are not moved yet."""

from vitinspect.app.compute.thread_pool import *  # noqa: F403
