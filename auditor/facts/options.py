"""Which app containers are known to be sidecars, by name or image."""

from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

_NAMES = frozenset(
    (
        *("istio-proxy", "linkerd-proxy", "envoy", "envoy-sidecar", "consul-dataplane", "daprd", "vault-agent"),
        *("cloud-sql-proxy", "cloudsql-proxy", "fluent-bit", "fluentbit", "fluentd", "filebeat", "promtail", "vector"),
        *(
            "otel-collector",
            "otc-container",
            "opentelemetry-collector",
            "jaeger-agent",
            "datadog-agent",
            "oauth2-proxy",
        ),
        *("kube-rbac-proxy", "config-reloader", "git-sync", "log-shipper", "aws-otel-collector", "xray-daemon"),
    )
)
_IMAGES = frozenset(
    (
        *("proxyv2", "envoy", "daprd", "cloud-sql-proxy", "gce-proxy", "fluent-bit", "fluentd", "filebeat", "promtail"),
        *("vector", "opentelemetry-collector", "opentelemetry-collector-contrib", "jaeger-agent", "oauth2-proxy"),
        *("kube-rbac-proxy", "git-sync", "consul-dataplane", "linkerd-proxy", "prometheus-config-reloader"),
    )
)


class FactOptions(msgspec.Struct, frozen=True):
    """What the user adds to what is known."""

    sidecar_names: tuple[str, ...] = ()
    """Globs of container names."""
    sidecar_images: tuple[str, ...] = ()
    """Globs of images, held against the whole reference and against its last part without tag."""


@lru_cache(maxsize=4096)
def known_sidecar(name: str, image: str | None, options: FactOptions) -> bool:
    """Return whether a container's name or image is that of a sidecar."""
    if name in _NAMES or any(fnmatchcase(name, glob) for glob in options.sidecar_names):
        return True
    if image is None:
        return False
    short = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return short in _IMAGES or any(fnmatchcase(image, g) or fnmatchcase(short, g) for g in options.sidecar_images)
