"""Writes manifests-samples/usage.parquet: two weeks of made-up history for every sample; run it after a change here."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

import auditor
from auditor.usage.model import UsageDay

SAMPLES = Path(__file__).resolve().parents[2] / "manifests-samples"
LAST_DAY = date(2026, 11, 15)
DAYS = 14
MIB = 2**20


def rows() -> Iterator[UsageDay]:
    """Yield what the samples of billing-history.yaml are about, and a quiet history for all others."""
    yield from _series("billing", "invoices", "invoices", lambda _: (180, 310, 390, 480), limit=512, request=256)
    yield from _series("billing", "invoices", "istio-proxy", lambda _: (40, 60, 80, 96), limit=None, request=None)
    rise = _series(
        *("billing", "renderer", "renderer"),
        lambda day: (200 + 20 * day, 240 + 20 * day, 270 + 20 * day, 300 + 20 * day),
        limit=768,
        request=384,
    )
    for row in rise:
        yield row if row.day < LAST_DAY else _killed(row)
    yield from _series("billing", "archive", "archive", lambda _: (300, 420, 500, 760), limit=2048, request=2048)
    for record in auditor.audit([SAMPLES], keep_records=True, use_waivers=False).records:
        workload = record.workload
        if workload.namespace is None or workload.namespace == "billing":
            continue
        for item in record.containers:
            values = _quiet(item.request_bytes, item.limit_bytes)
            yield from _series(
                workload.namespace,
                workload.name,
                item.name,
                lambda _, v=values: v,
                limit=None,
                request=None,
                kind=workload.kind,
            )


def _quiet(request_bytes: int | None, limit_bytes: int | None) -> tuple[int | None, ...]:
    """Return numbers that nothing is to be said about; none for a container that could not run as it is written."""
    request = (request_bytes or 64 * MIB) // MIB
    limit = (limit_bytes or 4 * request * MIB) // MIB
    if request < 4 or limit < request:
        return (None, None, None, None)
    peak = min(max(request * 6 // 5, limit // 2), limit * 4 // 5)
    return tuple(min(value, peak) for value in (request // 2, request * 3 // 5, request * 17 // 20, peak))


def _series(namespace, name, container, values, *, limit, request, kind="Deployment") -> Iterator[UsageDay]:
    for day in range(DAYS):
        lowest, mean, p95, peak = values(day)
        yield UsageDay(
            day=LAST_DAY - timedelta(days=DAYS - 1 - day),
            namespace=namespace,
            workload_kind=kind,
            workload_name=name,
            pod=f"{name}-0",
            container=container,
            samples=1440,
            coverage=1.0,
            min_bytes=_mib(lowest),
            mean_bytes=_mib(mean),
            p95_bytes=_mib(p95),
            max_bytes=_mib(peak),
            request_bytes=_mib(request),
            limit_bytes=_mib(limit),
            source="sample",
            collected_at=datetime(2026, 11, 16, tzinfo=UTC),
        )


def _mib(value: int | None) -> int | None:
    return None if value is None else value * MIB


def _killed(row: UsageDay) -> UsageDay:
    return msgspec.structs.replace(row, oom_kills=1, restarts=1)


def table() -> pa.Table:
    """Return the rows as a table with every column."""
    columns: dict[str, list[object]] = {name: [] for name in UsageDay.__struct_fields__}
    for row in rows():
        for name, values in columns.items():
            values.append(getattr(row, name))
    kinds = {"day": pa.date32(), "collected_at": pa.timestamp("us", tz="UTC")}
    kinds |= dict.fromkeys(("coverage", "pressure_waiting_ratio"), pa.float64())
    texts = ("cluster", "namespace", "workload_kind", "workload_name", "pod", "container", "container_type", "source")
    kinds |= dict.fromkeys(texts, pa.string())
    return pa.table({name: pa.array(values, kinds.get(name, pa.int64())) for name, values in columns.items()})


if __name__ == "__main__":
    pq.write_table(table(), SAMPLES / "usage.parquet", compression="zstd")
