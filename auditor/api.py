"""The Python API: audit paths, get the report, or a pandas DataFrame of it.

>>> import auditor
>>> result = auditor.audit(["manifests-samples"])
>>> result.report.summary.workloads > 0
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.assembly import assemble
from auditor.config import Config
from auditor.facts.record import Record
from auditor.findings import Report, Skipped, severity_rank
from auditor.live import judge_cluster
from auditor.options import Options, apart, config_of, found_in, reading_of, rendering, template_paths, usable_cores
from auditor.plan import Besides
from auditor.records import Records
from auditor.rules import Rules, rules_of, sizing_profile
from auditor.sizing_inputs import sizing_inputs
from auditor.sources.cluster.entries import Entries
from auditor.sources.cluster.groups import ClusterObjects
from auditor.sources.cluster.interrupt import interruptible
from auditor.sources.cluster.snapshot import load
from auditor.sources.model import Discovery
from auditor.workers import Progress, Work, judge_files, silent

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Audit",
    "Options",
    "Part",
    "Rules",
    "audit",
    "inputs_of",
    "judge_entries",
    "rendering",
    "rules_of",
    "run",
    "sizing_inputs",
    "sizing_profile",
    "template_paths",
    "usable_cores",
]


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit."""

    report: Report
    records: Sequence[Record]
    """The facts, in input order, when `keep_records` was asked for."""
    fail_on: str | None
    """The config's threshold; None when it has none."""
    interrupted: bool = False
    """Whether Ctrl-C ended the reading of clusters; the report then holds what had been read."""

    def failed(self, fail_on: str) -> bool:
        """Return whether a finding that is neither waived nor known is at or above a severity; False for `never`."""
        if fail_on == "never":
            return False
        counts = self.report.summary.findings
        return any(count for severity, count in counts.items() if severity_rank(severity) <= severity_rank(fail_on))

    @property
    def complete(self) -> bool:
        """Whether everything could be judged, and there was a Kubernetes object to judge."""
        return not self.report.skipped and self.report.summary.objects > 0

    def to_frame(self) -> "pd.DataFrame":
        """Return the findings as a pandas DataFrame: the columns of the CSV report, a row each (needs pandas)."""
        import io

        import pandas as pd

        from auditor.reports.csv import render

        numbers = dict.fromkeys(("line", "column", "actual_bytes", "expected_bytes"), "Int64")
        return pd.read_csv(io.StringIO(render(self.report)), dtype=numbers, keep_default_na=True)


def audit(paths: Sequence[str | Path], *, stdin: bytes | None = None, **options: object) -> Audit:
    """Audit manifests and return the result; the keywords are the fields of `Options`.

    Raises ConfigError, PolicyError, SourceError or ValueError for wrong use; never for bad manifests, which are
    `report.skipped`.
    """
    return run([str(path) for path in paths], Options(**options), stdin=stdin)  # type: ignore[arg-type]


def run(
    paths: Sequence[str],
    options: Options,
    *,
    stdin: bytes | None = None,
    progress: Progress | None = None,
    clusters: Sequence[Entries] = (),
) -> Audit:
    """Audit manifests and clusters as the options say.

    `progress` is called with the number of files, or of a cluster's pods, that were just finished. Ctrl-C ends the
    reading of clusters, all of them, and what was read is judged; a second one is raised.
    """
    config, folder = config_of(options)
    snapshots, others = apart(paths)
    # Each cluster has rules of its own, and from a table of several the history of its name.
    rules = rules_of(options if others else replace(options, use_usage=False), config, folder)
    saved = [load(path) for path in snapshots]
    found = found_in(others, options, (config, folder), stdin)
    parts = []
    if found.files or not (saved or clusters):
        work = judge_files(found.files, rules.task, options.jobs or usable_cores(), progress or silent)
        parts.append(Part(work, rules))
    where = (config, folder)
    several = len(saved) + len(clusters) > 1
    judge = partial(judge_entries, options=options, where=where, progress=progress or silent, one_of_several=several)
    parts += map(judge, saved)
    with interruptible(clusters) as (stop, live):
        parts += map(judge, live)
    besides = Besides(
        skipped=(*found.skipped, *(item for part in parts for item in (*part.rules.skipped, *part.work.skipped))),
        notes=(*found.notes, *dict.fromkeys(note for part in parts for note in (*part.rules.notes, *part.work.notes))),
    )
    judged = [judged for part in parts for judged in part.work.judged]
    report = assemble(judged, rules.task.plan, rules.baseline, version("kube-memory-auditor"), besides)
    minors = sorted({part.rules.task.plan.target.minor for part in parts})
    report = msgspec.structs.replace(report, kubernetes_version=", ".join(f"1.{minor}" for minor in minors))
    if options.replacements:
        from auditor.fixes.judging import with_replacements

        report = with_replacements(report, found, rules, options.jobs or usable_cores())
    records = Records([part.records or part.packed for part in judged])
    return Audit(report, records, config.fail_on, interrupted=stop.asked)


def inputs_of(paths: Sequence[str], options: Options, *, stdin: bytes | None = None) -> tuple[Discovery, Rules]:
    """Return the files that an audit reads and what decides about them, for who judges them more than once."""
    config, folder = config_of(options)
    snapshots, others = apart(paths)
    found = found_in(others, options, (config, folder), stdin)
    no_files = (Skipped(str(path), None, None, "is a snapshot of a cluster, not manifests") for path in snapshots)
    return replace(found, skipped=(*found.skipped, *no_files)), rules_of(options, config, folder)


@dataclass(frozen=True, slots=True)
class Part:
    """What the files, or one cluster, gave, and by which rules."""

    work: Work
    rules: Rules


def judge_entries(
    entries: Entries,
    options: Options,
    where: tuple[Config, Path],
    progress: Progress,
    *,
    one_of_several: bool = False,
) -> Part:
    """Judge one cluster by its own version and history; `where` is the config and its folder."""
    config, folder = where
    objects = ClusterObjects(entries, reading_of(options, config).template_paths)
    around = objects.surroundings()
    rules = rules_of(options, config, folder, objects.header, one_of_several=one_of_several)
    work = judge_cluster(objects, around, rules.task, options.jobs or usable_cores(), progress)
    return Part(work, rules)
