"""Running the model again, on altered images or tokens: in chunks, from one block on, and masked."""
