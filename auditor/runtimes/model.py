"""What is known of the memory that a runtime in a container takes for itself."""

from collections.abc import Mapping

import msgspec


class Around(msgspec.Struct, frozen=True):
    """What a container's runtime sees around it."""

    request_bytes: int | None
    """The container's own admitted memory request; None absent or unknown."""
    limit_bytes: int | None
    """The container's own admitted memory limit; None absent or unknown."""
    memory_max_bytes: int | None
    """memory.max of its cgroup, or of the pod cgroup above; None unlimited or unknown."""
    node_allocatable_bytes: int | None
    """The node's allocatable memory; None unknown."""
    node_capacity_bytes: int | None
    """The node's memory; None unknown."""
    config_maps: Mapping[str, Mapping[str, str]]
    """The data of the ConfigMaps of the input that are in the pod's namespace, by name."""

    @property
    def memory_bytes(self) -> int | None:
        """What a runtime that reads its cgroup takes for the machine's memory; None unknown."""
        if self.memory_max_bytes is None or self.node_capacity_bytes is None:
            return self.memory_max_bytes if self.memory_max_bytes is not None else self.node_capacity_bytes
        return min(self.memory_max_bytes, self.node_capacity_bytes)


class Heap(msgspec.Struct, frozen=True):
    """The heap, cache or buffers of the one runtime that a container is taken to run."""

    runtime: str
    """`jvm`, `nodejs`, `go`, `dotnet`, `redis`, `memcached` or `postgresql`."""
    max_bytes: int | None = None
    """The largest heap as declared: GOMEMLIMIT, maxmemory and shared_buffers too.

    None when nothing declares it, its number is not known, or a variable that is set to an unknown value may decide.
    """
    initial_bytes: int | None = None
    """The heap taken at the start as declared; None when nothing declares it or its number is not known."""
    percent: float | None = None
    """The percentage of memory that decides `max_bytes`; None when none does."""
    flag: str | None = None
    """The deciding flag as written, never more of the value that it stands in; None when none decides for certain."""
    at: str | None = None
    """The path of the flag below the container, such as `args[0]` or `env[2].value`; None with `flag`."""
    declared: bool = False
    """True when something certainly declares the maximum, even if the number is not known."""
    unknown: bool = False
    """True when a source that is not in the input may decide: a Secret, a file, a start script of the image.

    With `max_bytes` this is a source that might hold an overriding variable, such as a Secret of `envFrom`.
    """
    default_bytes: int | None = None
    """What the runtime takes when nothing is declared; None unknown or no bound."""
    always_pre_touch: bool = False
    """True when a JVM touches the whole heap at its start."""
    gc_percent: int | None = None
    """GOGC: -1 is off; None absent or unknown."""
