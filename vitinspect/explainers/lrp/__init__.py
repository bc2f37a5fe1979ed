"""Layer-wise relevance propagation: its rules, the plan of a model, the walk, the head and the embedding."""
