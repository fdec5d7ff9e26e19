"""The CEL types of the fact structs: a protobuf descriptor made at run time, so that the checker knows every field."""

import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

PACKAGE = "facts"


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, tuple[Any, bool]]:
    """Return field name to (type without None, whether it may be absent)."""
    found = {}
    for name, hint in typing.get_type_hints(struct).items():
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds = [part for part in parts if part is not type(None)]
        found[name] = (kinds[0], len(kinds) < len(parts))
    return found


def is_struct(kind: Any) -> bool:
    """Return whether a field's type is another fact struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def descriptor_pool(structs: Iterable[type[msgspec.Struct]]) -> Any:
    """Return a protobuf descriptor pool with a message `facts.NAME` for each struct and those below it."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(name="facts.proto", package=PACKAGE, syntax="proto3")
    scalars = {
        str: descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        int: descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
        float: descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
        bool: descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    }
    waiting, done = list(structs), set()
    while waiting:
        struct = waiting.pop()
        if struct in done:
            continue
        done.add(struct)
        message = file.message_type.add(name=struct.__name__)
        for number, (name, (kind, optional)) in enumerate(fields_of(struct).items(), 1):
            field = message.field.add(name=name, number=number)
            field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
            if typing.get_origin(kind) is tuple:
                field.label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
                kind = typing.get_args(kind)[0]  # noqa: PLW2901 - a list is its element's type, repeated
                kind = str if isinstance(kind, types.UnionType) else kind  # noqa: PLW2901
            if is_struct(kind):
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{PACKAGE}.{kind.__name__}"
                waiting.append(kind)
                continue
            field.type = scalars[kind]
            if optional:
                # proto3 keeps "absent" apart from the zero value only inside a one-of.
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
