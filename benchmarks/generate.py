"""Writes a seeded set of plain Deployments: the input that speed and memory are measured with.

The same seed and count give the same bytes on every machine. By default 10,000 Deployments, 20 documents a file, about
25 MB, in `benchmarks/data/`, which git ignores.
"""

import argparse
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"

_TEAMS = ("shop", "payments", "ingest", "search", "catalog", "billing", "media", "identity")
_PARTS = ("api", "worker", "web", "gateway", "importer", "scheduler", "cache", "mailer", "indexer", "proxy")
_TIERS = ("frontend", "backend", "data", "edge")
_MEMORY = ("64Mi", "128Mi", "256Mi", "384Mi", "512Mi", "768Mi", "1Gi", "1.5Gi", "2Gi", "4Gi")
_SLIPS = ("512m", "256", "512MB", "0")
_CPU = ("50m", "100m", "250m", "500m", '"1"')
_SIDECARS = ("log-shipper", "istio-proxy", "vault-agent", "metrics-exporter")
_JAVA_HEAP = ("-Xms256m -Xmx512m", "-Xmx1g", "-XX:MaxRAMPercentage=75.0", "-Xmx3g -XX:+UseG1GC")


def _memory_lines(rng: random.Random, indent: str) -> list[str]:
    """Return the `resources` block of a container, often whole, sometimes with a gap or a slip of the pen."""
    draw = rng.random()
    if draw < 0.06:
        return []
    size = rng.randrange(len(_MEMORY) - 2)
    request = _MEMORY[size]
    limit = _MEMORY[min(size + rng.choice((0, 0, 1, 1, 2, 4)), len(_MEMORY) - 1)]
    if draw < 0.08:
        limit = rng.choice(_SLIPS)
    lines = [f"{indent}resources:"]
    if draw < 0.84:
        lines += [f"{indent}  requests:", f"{indent}    cpu: {rng.choice(_CPU)}", f"{indent}    memory: {request}"]
    if draw < 0.76 or draw >= 0.84:
        lines += [f"{indent}  limits:", f"{indent}    memory: {limit}"]
        if rng.random() < 0.5:
            lines.insert(-1, f"{indent}    cpu: {rng.choice(_CPU)}")
    return lines


def _env_lines(rng: random.Random, name: str, *, java: bool) -> list[str]:
    lines = ["          env:"]
    if java:
        lines += ["            - name: JAVA_TOOL_OPTIONS", f'              value: "{rng.choice(_JAVA_HEAP)}"']
    lines += ["            - name: LOG_LEVEL", f"              value: {rng.choice(('info', 'debug', 'warn'))}"]
    if rng.random() < 0.3:
        lines += ["            - name: POD_NAME", "              valueFrom:", "                fieldRef:"]
        lines += ["                  fieldPath: metadata.name"]
    for number in range(rng.randrange(2)):
        lines += [f"            - name: FEATURE_{number}", f'              value: "{rng.randrange(2)}"']
    if rng.random() < 0.3:
        lines += ["            - name: DATABASE_PASSWORD", "              valueFrom:", "                secretKeyRef:"]
        lines += [f"                  name: {name}-database", "                  key: password"]
    return lines


def _probe_lines(rng: random.Random, port: int) -> list[str]:
    lines = []
    for probe in ("readinessProbe", "livenessProbe")[: rng.choice((1, 1, 2))]:
        lines += [
            f"          {probe}:",
            "            httpGet:",
            f"              path: /{probe[:-5]}",
            f"              port: {port}",
        ]
        lines += [f"            periodSeconds: {rng.choice((5, 10, 15))}", "            failureThreshold: 3"]
    return lines


def _app_container(rng: random.Random, name: str, volumes: list[str]) -> list[str]:
    java = rng.random() < 0.15
    port = rng.choice((8080, 8443, 9000, 3000))
    lines = [
        f"        - name: {name}",
        f'          image: "registry.example/{name}:{rng.randrange(9)}.{rng.randrange(40)}"',
    ]
    lines.append("          imagePullPolicy: IfNotPresent")
    if rng.random() < 0.15:
        lines += ['          command: ["/bin/sh", "-c"]', "          args:", "            - |"]
        lines += ["              set -eu", f"              exec /srv/{name} --listen=0.0.0.0:{port}"]
    lines += ["          ports:", "            - name: http", f"              containerPort: {port}"]
    lines += _env_lines(rng, name, java=java)
    lines += _probe_lines(rng, port)
    lines += _memory_lines(rng, "          ")
    lines += ["          securityContext:", "            allowPrivilegeEscalation: false", "            capabilities:"]
    lines += ['              drop: ["ALL"]']
    if volumes:
        lines.append("          volumeMounts:")
        for volume in volumes:
            lines += [f"            - name: {volume}", f"              mountPath: /mnt/{volume}"]
    return lines


def _side_container(rng: random.Random, name: str) -> list[str]:
    lines = [f"        - name: {name}", f'          image: "registry.example/{name}:1.{rng.randrange(30)}"']
    lines += ['          args: ["--config=/etc/agent/config.yaml"]']
    return lines + _memory_lines(rng, "          ")


def _init_containers(rng: random.Random, name: str) -> list[str]:
    lines: list[str] = []
    if rng.random() < 0.3:
        lines += ["        - name: migrate", f'          image: "registry.example/{name}-migrate:2.{rng.randrange(9)}"']
        lines += ['          command: ["/srv/migrate", "up"]']
        lines += _memory_lines(rng, "          ")
    if rng.random() < 0.2:
        lines += ["        - name: config-reloader", '          image: "registry.example/config-reloader:0.9"']
        lines += ["          restartPolicy: Always"]
        lines += _memory_lines(rng, "          ")
    return ["      initContainers:", *lines] if lines else []


def _volume_lines(rng: random.Random, name: str) -> tuple[list[str], list[str]]:
    """Return the lines of `volumes` and the names of what containers mount."""
    names, lines = ["config"], ["      volumes:", "        - name: config", "          configMap:"]
    lines.append(f"            name: {name}")
    if rng.random() < 0.4:
        names.append("scratch")
        lines += ["        - name: scratch", "          emptyDir: {}"]
    if rng.random() < 0.2:
        names.append("memory")
        lines += ["        - name: memory", "          emptyDir:", "            medium: Memory"]
        if rng.random() < 0.6:
            lines.append(f"            sizeLimit: {rng.choice(_MEMORY)}")
    return lines, names


def deployment(rng: random.Random, number: int) -> str:
    """Return one Deployment as YAML text, without a document marker."""
    team, part = rng.choice(_TEAMS), rng.choice(_PARTS)
    name = f"{team}-{part}-{number}"
    labels = [f"app.kubernetes.io/name: {name}", f"app.kubernetes.io/part-of: {team}", f"tier: {rng.choice(_TIERS)}"]
    volumes, mounts = _volume_lines(rng, name)
    lines = [
        "apiVersion: apps/v1",
        "kind: Deployment",
        "metadata:",
        f"  name: {name}",
        f"  namespace: {team}",
        "  labels:",
    ]
    lines += [f"    {label}" for label in labels]
    lines += ["  annotations:", f'    example.com/owner: "team-{team}"']
    lines += [
        f"    example.com/description: {part} of {team}, written for measuring",
        f'    example.com/revision: "{number}"',
    ]
    lines += ["spec:", f"  replicas: {rng.choice((1, 2, 2, 3, 5))}", "  revisionHistoryLimit: 5", "  strategy:"]
    lines += ["    type: RollingUpdate", "    rollingUpdate:", "      maxSurge: 25%", "      maxUnavailable: 0"]
    lines += ["  selector:", "    matchLabels:", f"      {labels[0]}"]
    lines += ["  template:", "    metadata:", "      labels:", *(f"        {label}" for label in labels)]
    lines += ["      annotations:", '        prometheus.io/scrape: "true"']
    lines += ["    spec:", f"      serviceAccountName: {name}", "      terminationGracePeriodSeconds: 30"]
    lines += [
        "      securityContext:",
        "        runAsNonRoot: true",
        "        seccompProfile:",
        "          type: RuntimeDefault",
    ]
    lines += _init_containers(rng, name)
    lines += ["      containers:", *_app_container(rng, part, mounts)]
    if rng.random() < 0.1:
        lines += _app_container(rng, f"{part}-admin", mounts[:1])
    for sidecar in rng.sample(_SIDECARS, rng.choice((0, 1, 1, 2))):
        lines += _side_container(rng, sidecar)
    lines += volumes
    return "\n".join(lines) + "\n"


def documents(count: int, seed: int) -> Iterator[str]:
    """Yield `count` Deployments; the same seed gives the same text."""
    rng = random.Random(seed)
    for number in range(count):
        yield deployment(rng, number)


def write(folder: Path, count: int, seed: int, documents_per_file: int) -> tuple[int, int]:
    """Write the set in place of what is in `folder`; return the number of files and of bytes."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    files = total_bytes = 0
    batch: list[str] = []
    for text in documents(count, seed):
        batch.append(text)
        if len(batch) == documents_per_file:
            total_bytes += _write_file(folder, files, batch)
            files, batch = files + 1, []
    if batch:
        total_bytes += _write_file(folder, files, batch)
        files += 1
    return files, total_bytes


def _write_file(folder: Path, number: int, batch: list[str]) -> int:
    content = "---\n".join(batch).encode()
    (folder / f"deployments-{number:05}.yaml").write_bytes(content)
    return len(content)


def main(arguments: list[str] | None = None) -> int:
    """Write the set and tell its size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="Deployments (default 10000)")
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers (default 1)")
    parser.add_argument("--documents-per-file", type=int, default=20, help="documents in one file (default 20)")
    parser.add_argument("--to", type=Path, default=DATA, help="folder, emptied first (default benchmarks/data)")
    options = parser.parse_args(arguments)
    files, total_bytes = write(options.to, options.count, options.seed, options.documents_per_file)
    sys.stdout.write(f"{options.count} Deployments, {files} files, {total_bytes / 1e6:.1f} MB in {options.to}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
