"""Where the window computes: the thread that holds the model, a pool of threads, and what they keep."""
