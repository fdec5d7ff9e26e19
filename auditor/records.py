"""The facts of many workloads, packed: as objects those of a large cluster take gigabytes."""

import zlib
from collections.abc import Iterator, Sequence
from typing import overload

import msgspec

from auditor.facts.record import Record

_LEVEL = 1
"""Records are much alike: more effort gains little."""


class Packed(msgspec.Struct, frozen=True):
    """Some records; picklable."""

    count: int
    content: bytes


NOTHING_PACKED = Packed(0, b"")


def pack(records: Sequence[Record]) -> Packed:
    """Return records packed."""
    return Packed(len(records), zlib.compress(msgspec.msgpack.encode(records), _LEVEL)) if records else NOTHING_PACKED


def unpack(packed: Packed) -> tuple[Record, ...]:
    """Return the records again."""
    content = zlib.decompress(packed.content) if packed.count else b"\x90"
    return msgspec.msgpack.decode(content, type=tuple[Record, ...])


class Records(Sequence[Record]):
    """Records in order, unpacked part by part as they are read."""

    def __init__(self, parts: Sequence[tuple[Record, ...] | Packed]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[Record]:
        """Yield the records; one part of them is unpacked at a time."""
        for part in self._parts:
            yield from unpack(part) if isinstance(part, Packed) else part

    def __eq__(self, other: object) -> bool:
        """Whether another sequence has the same records."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        """Return how many there are, without unpacking any."""
        return sum(part.count if isinstance(part, Packed) else len(part) for part in self._parts)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        """Return one or some, for which all are unpacked: iterate over many."""
        return tuple(self)[index]
