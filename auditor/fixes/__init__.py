"""Fixes: edits of an object, written into the text that it came from, and checked before they are offered."""
