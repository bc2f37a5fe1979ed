"""The desktop app. Everything Qt is in here, and nothing here computes what it shows.

``session``  the state: what is asked for, saved and restored as JSON; and the results: what was computed for it
``services``  watch the state and request what is missing: each is the only writer of its results
``compute``  the one thread in which models live, the pool, the caches, and the addresses of all that is computed
``canvas``, ``panels``  read both and ask the state to change; none of them knows another
"""

import os

# The window multiplies only small matrices, for which numpy's threads would compete with each other and with torch's.
# numpy reads this when it is first imported, so it is set before any other import here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
