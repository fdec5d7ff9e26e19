"""History from a server that speaks the Prometheus API: Prometheus, Thanos, Mimir, Cortex, VictoriaMetrics."""

from auditor.usage.prometheus.model import Progress, PullConfig, PullResult, Secret
from auditor.usage.prometheus.pull import pull

__all__ = ["Progress", "PullConfig", "PullResult", "Secret", "pull"]
