"""Thin scripts: which files go in, which come out. Each is one row of the graph in dvc.yaml."""
