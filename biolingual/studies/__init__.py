"""Studies: what a score owes to one choice. A study is a few variants of params.yaml, trained and scored on the same recordings."""
