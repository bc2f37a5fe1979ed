"""Layer-wise relevance propagation: its rules, the plan of a model, the walk and both its ends."""
