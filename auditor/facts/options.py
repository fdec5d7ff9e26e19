"""What a user adds to what is known about sidecars."""

import msgspec


class FactOptions(msgspec.Struct, frozen=True):
    """What the user adds to what is known."""

    sidecar_names: tuple[str, ...] = ()
    """Globs of container names."""
    sidecar_images: tuple[str, ...] = ()
    """Globs of images, held against the whole reference and against its last part without tag."""
