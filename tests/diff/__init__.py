"""Comparing two sides, with real git repositories."""
