"""``python -m vitinspect``: the same as the ``vitinspect`` command."""

import sys

from vitinspect.cli import main

if __name__ == "__main__":
    sys.exit(main())
