"""What goes wrong with history as a whole; a bad part of it is a `Skipped` beside the rows."""


class UsageError(Exception):
    """Wrong use, or a history that cannot be used at all. Its text is for the user."""
