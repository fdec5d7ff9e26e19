"""A profile made ready: what it gives for one container, before any rule of ours is applied."""

import re

import msgspec

from auditor.expressions.cel import Compiled, EvaluationError, bind_params
from auditor.expressions.views import view
from auditor.sizing.estimators import estimate
from auditor.sizing.load import scope_of
from auditor.sizing.model import ContainerNumbers, Profile, SizingInput

_MISSING = re.compile(r'Key not found in map : "(\w+)"')
LARGEST_BYTES = 2**60
"""A larger result is a fault of the profile or of the history: no machine has so much."""


class Wanted(msgspec.Struct, frozen=True):
    """What a profile's expressions gave."""

    request_bytes: int
    """The request, not yet rounded, above 0."""
    limit_bytes: int | None
    """The limit, not yet rounded, above 0; None where the profile leaves the limit alone."""


class Sizer:
    """A compiled profile; belongs to one thread."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._request = self._compiled(profile.request)
        self._limit = None if profile.limit is None else self._compiled(profile.limit)
        self._limit_when = None if profile.limit_when is None else self._compiled(profile.limit_when)

    def _compiled(self, text: str) -> Compiled:
        return Compiled(bind_params(text, self.profile.params), tuple(scope_of(self.profile.estimator)))

    def wanted(self, item: SizingInput) -> Wanted | str:
        """Return what the profile gives for a container with history, or why it gives nothing. Never raises."""
        if item.usage is None:
            return "no history"
        variables: dict[str, msgspec.Struct] = {"usage": item.usage, "container": numbers_of(item)}
        if self.profile.estimator is not None:
            estimated = estimate(self.profile.estimator, item)
            if isinstance(estimated, str):
                return estimated
            variables["estimate"] = estimated
        data = {name: view(struct, struct.__struct_fields__) for name, struct in variables.items()}
        request = _amount("request", self._request.evaluate(data))
        if isinstance(request, str):
            return request
        if self._limit is None:
            return Wanted(request, None)
        if self._limit_when is not None:
            holds = self._limit_when.evaluate(data)
            if isinstance(holds, EvaluationError):
                return f"limit_when cannot be told: {_in_words(holds)}"
            if holds is not True:
                return Wanted(request, None)
        limit = _amount("limit", self._limit.evaluate(data))
        return limit if isinstance(limit, str) else Wanted(request, limit)


def numbers_of(item: SizingInput) -> ContainerNumbers:
    """Return the variable `container` of a profile's expressions."""
    heap = item.heap
    return ContainerNumbers(
        type=item.container_type,
        request_bytes=item.request_bytes,
        limit_bytes=item.limit_bytes or None,
        heap_max_bytes=None if heap is None else heap.max_bytes,
        runtime=None if heap is None else heap.runtime,
        replicas=item.replicas,
    )


def _in_words(error: EvaluationError) -> str:
    """Return why an expression gave nothing: mostly because a number that it reads is not known."""
    missing = _MISSING.search(error.reason)
    return f"{missing[1]} is not known" if missing else error.reason


def _amount(key: str, value: object) -> int | str:
    if isinstance(value, EvaluationError):
        return f"{key} cannot be told: {_in_words(value)}"
    if not isinstance(value, int) or isinstance(value, bool):
        return f"{key} gave {value!r}, which is no number of bytes"
    if not 0 < value <= LARGEST_BYTES:
        return f"{key} gave {value} bytes, which is no amount of memory"
    return value
