"""Start here: ``python3 scripts/bootstrap.py run`` (or ``test``, ``lint``), which is what the Makefile calls.

This file only finds a Python that is new enough, so it is written such that any old Python can run it. Everything
else is in set_up.py in the same folder.
"""

import os
import sys

OLDEST = (3, 11)
OTHERS = ["python3.%d" % minor for minor in (13, 12, 11, 14)]  # noqa: UP031


def find_program(name):
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.version_info[:2] >= OLDEST:
        sys.path.insert(0, here)
        import set_up

        return set_up.main(sys.argv[1:])
    for name in OTHERS:
        path = find_program(name)
        # There may be a wrapper of that name that starts no Python (pyenv's do).
        if path and os.system('"%s" -c "pass" >%s 2>&1' % (path, os.devnull)) == 0:  # noqa: UP031
            os.execv(path, [path, os.path.abspath(__file__)] + sys.argv[1:])  # noqa: RUF005
    sys.stderr.write(
        "vitinspect needs Python 3.11 or newer, and this is Python %d.%d: install a newer one and say which "  # noqa: UP031
        "with `make run PYTHON=python3.12`.\n" % sys.version_info[:2]
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
