"""Ways in besides Prometheus: each turns an export, a text or a node's files into days of history."""

from auditor.usage.imports.checkpoints import read_checkpoints
from auditor.usage.imports.csv_file import read_csv
from auditor.usage.imports.docker_stats import read_docker_stats
from auditor.usage.imports.instana import read_instana
from auditor.usage.imports.kubectl_top import read_kubectl_top
from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.parquet_file import read_parquet
from auditor.usage.imports.pod_metrics import read_pod_metrics

__all__ = [
    "ImportOptions",
    "ImportResult",
    "read_checkpoints",
    "read_csv",
    "read_docker_stats",
    "read_instana",
    "read_kubectl_top",
    "read_parquet",
    "read_pod_metrics",
]
