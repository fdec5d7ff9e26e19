"""Measures a first pull and a day's increment against a real Prometheus, beside what a per-container tool would ask.

The per-container tool's sequence is one query per container and statistic over a 14-day subquery. Prints a Markdown
table: requests, wall time, CPU time of the server, bytes received. `--containers` says how large the history is; 100
fit in a minute, and what grows with them is linear: samples, and so the server's time and the bytes. Requests are not:
the last lines reckon them for 5,000 containers, from the same plan. Needs Debian's `prometheus` package.
"""
# ruff: noqa: S310 - every URL is http on loopback

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditor.usage.prometheus import PullConfig, pull
from auditor.usage.prometheus.parts import KILLS, OWNERS, Server, bundles, weight_of
from auditor.usage.prometheus.plan import days_for, shards_for
from tests.usage.prometheus import lab

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = 60
DAY = 86_400
MIB = 2**20
PER_NAMESPACE = 25
STATISTICS = (
    "max_over_time(max by (container,pod,job) (M)[14d:1m])",
    "quantile_over_time(0.95, max by (container,pod,job) (M)[14d:1m])",
    "avg_over_time(max by (container,pod,job) (M)[14d:1m])",
    "count_over_time(max by (container,pod,job) (M)[14d:1m])",
    "min_over_time(max by (container,pod,job) (M)[14d:1m])",
)
"""The first and the fourth have the form of KRR's own (metrics/memory.py: an aggregation inside the subquery, which the
server evaluates step by step; with a step of the user's choice). The others ask in that form for the rest of what a row
holds. Without the inner aggregation they are much cheaper: with 100 containers a pull then won in requests and CPU
time, not in wall time."""


def lines(containers: int, days: int) -> Iterator[str]:
    """Yield the history as OpenMetrics, a metric after another."""
    kubelet = 'job="kubelet",image="registry.example/app:1"'
    state = 'job="kube-state-metrics",uid="u"'
    memory = 'resource="memory"'
    metrics = (
        ("container_memory_working_set_bytes", kubelet, 0),
        ("container_memory_rss", kubelet, 1),
        ("container_memory_cache", kubelet, 2),
        ("kube_pod_container_resource_limits", f"{state},{memory}", None),
        ("kube_pod_container_resource_requests", f"{state},{memory}", None),
        ("kube_pod_container_status_restarts_total", state, None),
        ("kube_pod_owner", f'{state},owner_kind="StatefulSet",owner_name="app"', None),
    )
    first = int(START.timestamp())
    for name, labels, salt in metrics:
        yield f"# TYPE {name} unknown\n"
        for number in range(containers):
            where = f'namespace="team-{number // PER_NAMESPACE}",pod="app-{number}",container="main"'
            head = f"{name}{{{where},{labels}}} "
            state_of = number * 7919 + (salt or 0)
            out = []
            for second in range(first, first + days * DAY, STEP):
                state_of = (state_of * 1103515245 + 12345) & 0x7FFFFFFF
                value = 256 * MIB if salt is None else (200 + (state_of >> 16) % 100) * MIB + (state_of & 0xFFFFF)
                out.append(f"{head}{value} {second}\n")
            yield "".join(out)


def cpu_seconds(process: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def per_container(url: str, containers: int, days: int) -> tuple[int, int]:
    """Ask as a per-container tool does; return requests and bytes."""
    received = requests = 0
    at = START.timestamp() + days * DAY - 0.001
    for number in range(containers):
        matchers = f'namespace="team-{number // PER_NAMESPACE}",pod=~"app-{number}",container="main"'
        for statistic in STATISTICS:
            query = statistic.replace("M", f"container_memory_working_set_bytes{{{matchers}}}")
            body = urllib.parse.urlencode({"query": query, "time": f"{at:.3f}"}).encode()
            with urllib.request.urlopen(f"{url}/api/v1/query", data=body) as answer:
                received += len(answer.read())
            requests += 1
    return requests, received


def reckoned(containers: int, days: int, interval: float = STEP) -> int:
    """Return the requests of a first pull of so many containers in namespaces of 25, by the plan itself."""
    config = PullConfig(url="http://localhost")
    series = {f"team-{number}": PER_NAMESPACE for number in range(-(-containers // PER_NAMESPACE))}
    per_day = DAY / interval
    total = 3  # preflight
    daily = [weight_of(parts) for parts in bundles(Server())]
    spans = [daily, [weight_of(OWNERS)], [weight_of(KILLS)]]
    for weights in spans:
        shards = [shards_for(series, max(1, int(config.samples_per_request / (w * per_day)))) for w in weights]
        lengths = [
            days_for(containers, w, per_day, config.samples_per_request) if len(cut) == 1 else 1
            for w, cut in zip(weights, shards, strict=True)
        ]
        blocks = -(-days // min(*lengths, days))
        total += blocks * sum(len(cut) for cut in shards)
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--days", type=int, default=14)
    options = parser.parse_args()
    tools = {name: shutil.which(name) or sys.exit(f"{name} is not installed") for name in ("prometheus", "promtool")}
    end = START + timedelta(days=options.days)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = lab.fill_lines(lines(options.containers, options.days), folder, tools["promtool"])
        port = lab.free_port()
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        url = f"http://127.0.0.1:{port}"
        command = [
            tools["prometheus"],
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with lab.running(command, f"{url}/-/ready", folder / "log") as server:
            config = PullConfig(url=url, window_days=options.days - 1)
            for words, now in (
                (f"first pull, {options.days - 1} days", end - timedelta(hours=23)),
                ("one day more", end + timedelta(hours=1)),
            ):
                before, started = cpu_seconds(server.pid), time.monotonic()
                result = pull(config, folder / "history", now=now)
                wall = time.monotonic() - started
                if result.skipped:
                    sys.exit(f"incomplete: {result.skipped[0]}")
                cpu = cpu_seconds(server.pid) - before
                rows.append((words, result.requests, wall, cpu, result.received_bytes))
            ours_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            before, started = cpu_seconds(server.pid), time.monotonic()
            requests, received = per_container(url, options.containers, options.days)
            wall, cpu = time.monotonic() - started, cpu_seconds(server.pid) - before
            rows.append(("per container and statistic", requests, wall, cpu, received))
    print(f"{options.containers} containers, {options.days} days, a scrape every {STEP} s\n")
    print("| | requests | wall s | server CPU s | received MiB |\n|---|---|---|---|---|")
    for words, requests, wall, cpu, received in rows:
        print(f"| {words} | {requests} | {wall:.1f} | {cpu:.1f} | {received / MIB:.2f} |")
    print(f"\nlargest memory of this process, pulls only: {ours_bytes / MIB:.0f} MiB")
    for days, words in ((14, "first pull"), (1, "one day more")):
        print(f"requests for 5,000 containers, {words}: {reckoned(5000, days)}")


if __name__ == "__main__":
    main()
