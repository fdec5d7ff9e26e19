"""What a Go program in a container was told about its memory: GOMEMLIMIT and GOGC.

GOMEMLIMIT bounds all memory that the Go runtime maps, softly: it collects harder, it does not fail.
Source: package runtime's documentation, runtime/mgcpacer.go (readGOMEMLIMIT, readGOGC) and runtime/string.go.
"""

import re

from auditor.runtimes.environment import UNKNOWN, Environment
from auditor.runtimes.flags import decide, plain_variable, shown
from auditor.runtimes.model import Heap
from auditor.runtimes.view import View

PROGRAMS = frozenset(("go",))
"""The commands that are this runtime."""
_SELF_LIMITING = frozenset(("prometheus", "alloy"))
IMAGES = _SELF_LIMITING | frozenset(
    (
        *("golang", "etcd", "traefik", "coredns", "minio", "grafana", "loki", "kube-state-metrics", "node-exporter"),
        *("alertmanager", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"),
        *("cert-manager-controller", "external-dns", "metrics-server", "vault", "consul", "caddy"),
    )
)
"""Names of images whose program is written in Go; some set a limit from the cgroup (`_SELF_LIMITING`)."""
VARIABLES = frozenset(("GOMEMLIMIT", "GOGC", "GODEBUG"))
"""The variables that only this runtime reads."""

_LIMIT = re.compile(r"\+?([0-9]{1,19})(?:([KMGT]i)?B)?", re.ASCII)
_FACTORS = {None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_NUMBER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_MAX = 2**63 - 1


def read(view: View) -> Heap:
    """Return what a container tells its Go runtime; GOMEMLIMIT=off, or none, is no limit."""
    decision = decide(plain_variable(view.environment, ("GOMEMLIMIT",), "limit"), "limit")
    setting, gc_percent = decision.setting, _gc_percent(view.environment)
    itself = view.image_name in _SELF_LIMITING
    if setting is None or setting.value in ("", "off"):
        return Heap("go", unknown=decision.unknown or (itself and setting is None), gc_percent=gc_percent)
    max_bytes = limit_bytes(setting.value)
    return Heap(
        "go",
        max_bytes=max_bytes,
        flag=shown(setting, max_bytes),
        at=setting.at,
        declared=True,
        unknown=decision.unknown,
        gc_percent=gc_percent,
    )


def limit_bytes(text: str) -> int | None:
    """Return the bytes of a GOMEMLIMIT such as `512MiB`, None for what stops the program at its start."""
    match = _LIMIT.fullmatch(text)
    number = int(match[1]) * _FACTORS[match[2]] if match else None
    return number if number is not None and number <= _MAX else None


def _gc_percent(environment: Environment) -> int | None:
    """Return GOGC; what is no number is the default of 100."""
    variable = environment.find("GOGC")
    if variable is None or not variable.certain or variable.text in ("", UNKNOWN):
        return None
    if variable.text == "off":
        return -1
    number = int(variable.text) if _NUMBER.fullmatch(variable.text) else 100
    if not -(2**31) <= number < 2**31:
        return 100
    return max(number, -1)
