"""Rows of `make bench`: ours against a peer, side by side in one run. A row is one function with the `row` decorator."""
