"""History of memory use: where it comes from, its table, its statistics."""
