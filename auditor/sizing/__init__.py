"""Sizing: the requests and limits that history argues for, as profiles say it."""
