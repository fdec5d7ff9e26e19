"""A live cluster as a source: reading its API, the snapshot that keeps what was read, and from both to objects."""
