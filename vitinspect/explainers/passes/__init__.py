"""Running the model again on modified images or tokens: in chunks, from one block on, and masked."""
