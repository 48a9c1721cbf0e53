"""The gate: what must hold of a dataset before anything is trained on it."""
