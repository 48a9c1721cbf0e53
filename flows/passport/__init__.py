"""The rooms of the passport: links, git's history, the files of a version, tables, runs, and the walks back and forward."""
