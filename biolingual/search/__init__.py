"""Free-text search over one's own recordings: indexing, querying, classifying, exporting, and the page that does it by hand."""
