"""The exceptions of vitinspect: one class for each kind of problem.

Each message is a sentence for the person at the screen: what was asked for, what was found, what to do.
The command line prints it as one line; the window shows it with the traceback behind a "details" button.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vitinspect.names import readable


class VitInspectError(Exception):
    """Anything that vitinspect reports to its user on purpose.

    Names of files in a message may hold bytes that are not text: these are replaced, so that every message can be
    printed, shown and stored.
    """

    def __init__(self, *details: object) -> None:
        super().__init__(*(readable(one) if isinstance(one, str) else one for one in details))


class ImageError(VitInspectError):
    """A picture or a folder of pictures cannot be opened; the message names the file and the reason."""


class ModelError(VitInspectError):
    """A model source cannot be found, read or understood."""


class HeadChoiceNeeded(ModelError):  # noqa: N818 - reads as a statement
    """A file holds several heads, or one that may be read in several ways; ``choices`` are the names to choose from."""

    def __init__(self, message: str, choices: tuple[str, ...]) -> None:
        super().__init__(message)
        self.choices = choices


class UnsupportedModelError(ModelError):
    """The model was read, but it is not a Vision Transformer that vitinspect supports."""


class TargetError(VitInspectError):
    """A target (class index, label, contrast) does not exist in the model."""


class ParameterError(VitInspectError):
    """A method, or a parameter of a method, was named or set wrongly."""


class MethodNotApplicable(VitInspectError):  # noqa: N818 - public name, reads as a statement
    """The method cannot be applied to this model; the message says why."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"{method} does not apply to this model: {reason}")
        self.method = method
        self.reason = reason


class MethodFailed(VitInspectError):  # noqa: N818 - reads as a statement
    """The method ran and produced something that is not a map (a NaN, an infinity)."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"{method} failed: {reason}")
        self.method = method
        self.reason = reason


class NotEnoughMemory(VitInspectError):  # noqa: N818 - reads as a statement
    """Memory ran out; the message says for what, and what needs less."""

    def __init__(self, message: str, explanations: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.explanations = list(explanations)
        """What ``explain_batch`` returned for the methods that did fit into memory; empty if none did."""


class DataError(VitInspectError):
    """A data set, a mask or a run folder is not what it should be."""


class StorageFull(DataError):  # noqa: N818 - reads as a statement
    """Nothing more can be written: no space is left, or the user's quota is used up."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The user cancelled the work. Not a VitInspectError, so that no error handler shows it as one."""


_MEMORY_WORDS = ("not enough memory", "can't allocate memory", "out of memory", "failed to allocate", "bad_alloc")
"""The words in which the allocators of torch and its kernels report it; CUDA's also has an exception class."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, whichever allocator it comes from."""
    if isinstance(error, MemoryError | NotEnoughMemory) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS)
