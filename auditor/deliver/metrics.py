"""Where the metrics of a run go: a file for the node exporter, or a Pushgateway."""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from auditor.deliver.errors import DeliveryError
from auditor.deliver.place_local import write_whole
from auditor.deliver.web import WebRequest, host_of, send

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def write_textfile(path: Path, text: str) -> None:
    """Write metrics for the textfile collector, which may read at any time. Raises DeliveryError."""
    try:
        write_whole(path, text.encode())
        # the collector runs as another user
        path.chmod(0o644)
    except OSError as error:
        raise DeliveryError(f"{path}: {error.strerror}") from error


def push(root: str, text: str, *, job: str, cluster: str | None, sleep: Callable[[float], None] = time.sleep) -> str:
    """Put metrics into a Pushgateway in place of those of the last run; return its host. Raises DeliveryError."""
    try:
        host = host_of(root)
    except ValueError as error:
        raise DeliveryError(f"nightly.metrics.pushgateway: {error}") from None
    # NOTE: a label of the group takes the place of the series' own, so that it cannot be `cluster`
    groups = [("job", job), *([("instance", cluster)] if cluster else [])]
    url = f"{root.rstrip('/')}/metrics" + "".join(_group(name, value) for name, value in groups)
    headers = {"Content-Type": _CONTENT_TYPE}
    send(WebRequest(method="PUT", url=url, body=text.encode(), headers=headers), sleep=sleep)
    return host


def _group(name: str, value: str) -> str:
    """Return a part of the path; a value with a slash is base64, as the Pushgateway has it."""
    if "/" in value:
        return f"/{name}@base64/{base64.urlsafe_b64encode(value.encode()).decode()}"
    return f"/{name}/{quote(value, safe='')}"
