"""One nightly run: history, audit, reports, deliveries; what fails is told and stops nothing behind it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.api import Audit
from auditor.deliver.compare import Comparison
from auditor.deliver.errors import DeliveryError
from auditor.deliver.metrics import push, write_textfile
from auditor.deliver.openmetrics import Numbers
from auditor.deliver.openmetrics import render as render_metrics
from auditor.deliver.place import Place
from auditor.deliver.policy_reports import report_objects
from auditor.deliver.recommended import recommended
from auditor.deliver.report_objects import Writer
from auditor.deliver.runs import FILES
from auditor.deliver.store import NewRun, compare_with_last, store_run
from auditor.deliver.summary import Night, message
from auditor.deliver.webhook import post
from auditor.findings import Report
from auditor.nightly_config import MetricsConfig, Nightly, PolicyReportsConfig, WebhookConfig
from auditor.reports import FORMATS
from auditor.reports.text import counted, encodable, skipped_words, with_status
from auditor.sizing.model import Profile
from auditor.sources.cluster.kubeconfig import ClusterError
from auditor.usage.errors import UsageError

if TYPE_CHECKING:
    from auditor.sources.cluster.connect import Connection
    from auditor.usage.prometheus import PullResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run is made of. Its functions do what needs a network; a test gives its own."""

    nightly: Nightly
    folder: Path
    """What paths of the config are relative to."""
    started: datetime
    """With a time zone."""
    fail_on: str
    audit: Callable[[], Audit]
    profile: Callable[[], Profile]
    """The sizing profile by which metrics recommend."""
    pull: "Callable[[], PullResult] | None" = None
    """Fetches the missing days of history; None asks for none."""
    drop_history: Callable[[], int] | None = None
    """Removes days of history that are too old, and returns how many; None keeps all."""
    place: Place | None = None
    """Where reports go; None keeps none."""
    clusters: "Sequence[Callable[[], AbstractContextManager[Connection]]]" = ()
    """Connects to each cluster that is audited: report objects go there."""
    environment: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep


def run_night(work: Work) -> Night:
    """Do what the config asks for: history, audit, reports, then every delivery, the webhook last.

    Raises what the audit raises for wrong use; everything else that fails is in `faults`.
    """
    run = _Run(work)
    run.history()
    audit = work.audit()
    nightly = work.nightly
    night = Night(work.started, audit, work.fail_on, nightly.fail_on_new_only, name=nightly.cluster.name)
    if audit.interrupted:
        return run.told(night)
    comparison, stored = run.reports(audit)
    night = replace(night, comparison=comparison, run=stored)
    if nightly.policy_reports is not None:
        run.policy_reports(audit.report, nightly.policy_reports)
    if nightly.metrics is not None:
        run.metrics(run.told(night), nightly.metrics)
    if nightly.webhook is not None:
        run.webhook(run.told(night), nightly.webhook)
    return run.told(night)


class _Run:
    """A run under way: what was done, what failed."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._done: list[str] = []
        self._faults: list[str] = []
        self._notes: list[str] = []

    def told(self, night: Night) -> Night:
        """Return the result with what was done and what failed until now."""
        return replace(night, done=tuple(self._done), faults=tuple(self._faults), notes=tuple(self._notes))

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Let a step fail alone."""
        try:
            yield
        except (DeliveryError, ClusterError, UsageError) as error:
            self._faults.append(f"{name}: {error}")

    def history(self) -> None:
        """Fetch the missing days of history, and remove old ones."""
        with self._step("history"):
            if self._work.pull is not None:
                result = self._work.pull()
                days = f"{len(result.days_written)} of {len(result.days_wanted)} missing days written"
                self._done.append(f"history: {days}, {counted(result.rows, 'row')}")
                self._faults += [f"history: {skipped_words(item)}" for item in result.skipped]
                self._notes += [f"history: {note}" for note in result.notes]
        with self._step("history"):
            removed = self._work.drop_history() if self._work.drop_history is not None else 0
            if removed:
                self._done.append(f"history: {counted(removed, 'day')} removed, too old")

    def reports(self, audit: Audit) -> tuple[Comparison | None, str | None]:
        """Compare with the last run and store this one; return the comparison and where the reports are."""
        place, nightly = self._work.place, self._work.nightly
        if place is None:
            return None, None
        comparison: Comparison | None = None
        where: str | None = None
        with self._step("reports"):
            comparison, notes = compare_with_last(place, audit.report)
            self._notes += notes
            files = _files(audit, nightly)
            new = NewRun(started=self._work.started, report=audit.report, comparison=comparison, files=files)
            written = store_run(place, new, keep=nightly.keep)
            removed = f", {counted(len(written.removed), 'run')} removed" if written.removed else ""
            where = f"{place.shown}/{written.run}"
            self._done.append(f"reports: {where}{removed}")
        return comparison, where

    def policy_reports(self, report: Report, config: PolicyReportsConfig) -> None:
        """Write report objects into each cluster."""
        for connect in self._work.clusters:
            with self._step("policy reports"), connect() as connection:
                part = _of_cluster(report, self._work.nightly.cluster.name or connection.name)
                writer = Writer(connection, sleep=self._work.sleep)
                for api in writer.apis(config.api):
                    objects, left_out = report_objects(part, api, config, self._work.started)
                    applied = writer.write(api, objects, prune=self._saw_all(part))
                    self._done.append(
                        f"policy reports: {api.group}: {applied.written} written, {applied.removed} removed"
                    )
                    self._notes += [f"policy reports: {note}" for note in applied.notes]
                    if left_out:
                        self._notes.append(
                            f"policy reports: {api.group}: {counted(left_out, 'result')} left out for want of room"
                        )

    def _saw_all(self, report: Report) -> bool:
        """Whether what a report does not have is not in the cluster either."""
        cluster = self._work.nightly.cluster
        return not (report.skipped or cluster.namespaces or cluster.selector) and report.summary.objects > 0

    def metrics(self, night: Night, config: MetricsConfig) -> None:
        """Write the metrics, and push them."""
        sizes = recommended(night.audit.records, self._work.profile()) if night.audit.records else {}
        text = render_metrics(
            Numbers(
                started=night.started,
                report=night.audit.report,
                comparison=night.comparison,
                incomplete=not night.complete,
                sizes=sizes,
                max_containers=config.max_containers,
                cluster=config.cluster,
            )
        )
        with self._step("metrics"):
            if config.textfile is not None:
                path = self._work.folder / config.textfile
                write_textfile(path, text)
                self._done.append(f"metrics: {path}")
        with self._step("metrics"):
            if config.pushgateway is not None:
                root = config.pushgateway
                host = push(root, text, job=config.job, cluster=config.cluster, sleep=self._work.sleep)
                self._done.append(f"metrics: pushed to {host}")

    def webhook(self, night: Night, config: WebhookConfig) -> None:
        """Tell a chat, when there is something that it wants to be told."""
        if not _is_news(night, config):
            return
        with self._step("webhook"):
            work = self._work
            ca_file = work.folder / config.ca_file if config.ca_file is not None else None
            host = post(message(night), config, work.environment, ca_file=ca_file, sleep=work.sleep)
            self._done.append(f"webhook: {host}")


def _files(audit: Audit, nightly: Nightly) -> dict[str, bytes]:
    """Return the reports of a run by file name."""
    files = {}
    for name in FILES:
        if name in (*nightly.formats, "json"):
            text = FORMATS[name](audit.records if name == "csv-inventory" else audit.report)
            files[FILES[name]] = encodable(text).encode()
    return files


def _of_cluster(report: Report, name: str) -> Report:
    """Return what a report says of one cluster, and what it could not read of none in particular."""
    return msgspec.structs.replace(
        report,
        findings=tuple(finding for finding in report.findings if finding.cluster == name),
        skipped=tuple(item for item in report.skipped if item.cluster in (name, None)),
    )


def _is_news(night: Night, config: WebhookConfig) -> bool:
    if config.when == "always" or not night.complete:
        return True
    if config.when == "findings" or night.comparison is None:
        return bool(with_status(night.audit.report, "new"))
    return bool(night.comparison.new or night.comparison.fixed)
