"""The desktop app. Everything Qt is in here, and nothing here computes what it shows.

``state``        what is shown, and a signal for what changed; saved and restored as JSON
``results``      what has been computed for it
``coordinator``  looks at the state and asks the worker, the caches and the pool for what is missing
``worker``       the one thread in which models live
``canvas``, ``panels``  read both and ask the state to change; none of them knows another
"""

import os

# What the window multiplies is small, and numpy's threads would stand in each other's way and in that of torch, which
# has its own. Read by numpy when it is first imported, so it is set before anything else here is.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
