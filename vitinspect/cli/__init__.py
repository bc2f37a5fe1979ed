"""The command line: one sub-command per verb. Nothing heavy is imported before it is known what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# Commands multiply only small matrices with numpy, for which its threads would wait for each other and for torch's.
# numpy reads this when it is first imported, so it is set before any other import here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from vitinspect.cli.frame import guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``vitinspect`` with ``argv`` (the process's own without it) and give back the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(arguments)
