"""The desktop app. Everything Qt is in here, and nothing here computes what it shows.

``state``        what is shown, and a signal for what changed; saved and restored as JSON
``results``      what has been computed for it
``coordinator``  looks at the state and asks the worker, the caches and the pool for what is missing
``worker``       the one thread in which models live
``canvas``, ``panels``  read both and ask the state to change; none of them knows another
"""
