"""One service for each kind of thing that is computed; each is the only writer of its results."""
