"""The configuration of each kubelet, through the API server's proxy to its node. Needs get on nodes/proxy."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from auditor.sources.cluster.ask import Refusal, Server
from auditor.sources.cluster.entries import Missing
from auditor.sources.cluster.kinds import NODES
from auditor.sources.cluster.lists import FAULTS, grant
from auditor.sources.objects import CONFIGZ

KIND = CONFIGZ["kind"]
_IN_A_ROW = 5
"""Nodes that do not answer, one after the other, before the others are given up: each may take half a minute."""


class _Configz(msgspec.Struct, frozen=True):
    kubeletconfig: dict[str, Any]


def kubelet_configurations(server: Server, nodes: Sequence[str]) -> Iterator[dict[str, Any] | Missing]:
    """Yield a KubeletConfiguration for each node, with the node's name as its own."""
    silent = 0
    for index, node in enumerate(nodes):
        answer = server.get(f"{NODES.path()}/{node}/proxy/configz")
        what = f"get the kubelet configuration of node {node}"
        if not isinstance(answer, Refusal):
            silent = 0
            yield _configuration(answer.body, node) or Missing(what, "the answer is no kubelet configuration", KIND)
        elif answer.status == 403:
            yield Missing("get kubelet configurations", grant("get", "nodes/proxy", None, namespaced=False), KIND)
            return
        else:
            silent += 1
            yield Missing(what, answer.reason, KIND)
        if silent == _IN_A_ROW and index + 1 < len(nodes):
            reason = f"{silent} nodes in a row did not answer"
            yield Missing(f"get the kubelet configurations of {len(nodes) - index - 1} more nodes", reason, KIND)
            return


def _configuration(body: bytes, node: str) -> dict[str, Any] | None:
    """Return what a kubelet's /configz answers as an object; None when it is something else."""
    try:
        saved = msgspec.json.decode(body, type=_Configz).kubeletconfig
    except FAULTS:
        return None
    return CONFIGZ | saved | {"metadata": {"name": node}}
