"""The desktop app. Everything Qt is in here, and nothing here computes what it shows.

``session``  the state: what is asked for, saved and restored as JSON; and the results: what was computed for it
``services``  look at the state and get what is missing: each the only writer of its results
``compute``  the one thread in which models live, the pool, the caches, and the addresses of all that is computed
``canvas``, ``panels``  read both and ask the state to change; none of them knows another
"""

import os

# What the window multiplies is small, and numpy's threads would stand in each other's way and in that of torch, which
# has its own. Read by numpy when it is first imported, so it is set before anything else here is.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
