"""The Compare workspace: two models on one picture, over a folder, and over a training run."""
