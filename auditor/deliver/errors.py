"""What goes wrong with one delivery; the others go on."""


class DeliveryError(Exception):
    """A delivery that did not arrive, or not whole. Its text is for the user and holds no secret."""
