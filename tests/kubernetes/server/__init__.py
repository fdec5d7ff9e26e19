"""The API server and what starts it."""
