"""Orchestration: DVC owns the graph, Prefect owns when and how hard to try. Knows the commands dvc and git, and no science."""
