"""Fixing the bad examples of policies, with their small histories, as `auditor fix` fixes files."""

from dataclasses import replace
from datetime import date

from auditor.assembly import assemble
from auditor.config import Config, Selection
from auditor.engine import Judge
from auditor.facts.context import Context
from auditor.facts.options import FactOptions
from auditor.fixes.check import Judging, propose
from auditor.kube.versions import parse_target
from auditor.plan import Judged, Plan
from auditor.policy.history import history_of
from auditor.policy.load import load_policies, shipped_folder
from auditor.sizing.load import load_profiles
from auditor.sizing.load import shipped_folder as profiles_folder
from auditor.sources.read import ReadOptions, read_bytes

POLICIES = load_policies([shipped_folder()])
FILE = "example.yaml"
BALANCED = load_profiles([profiles_folder()], trusted=profiles_folder())["balanced"]


class Bench:
    """Judges one text, as a file of its own and as a whole cluster, by all policies but `without`."""

    def __init__(self, example, without=()):
        self.example = example
        self.target = parse_target(example.kubernetes_version)
        self.plan = Plan(
            selection=Selection(
                [policy for policy in POLICIES if policy.id not in without], Config(), "all", ".auditor.yaml"
            ),
            target=self.target,
            options=FactOptions(),
            waivers=(),
            use_waivers=True,
            aliases={},
            today=date(2026, 2, 1),
            sizing=BALANCED if example.usage else None,
        )

    def context(self, content):
        objects = read_bytes(content, FILE).objects
        built, _ = Context.build(objects, self.target.minor)
        history = history_of(self.example.usage) if self.example.usage else None
        return replace(built, complete=self.example.complete, history=history)

    def file(self, content, context, ref=None):
        read = read_bytes(content, FILE)
        objects = [obj for obj in read.objects if ref is None or (obj.kind, obj.name) == (ref.kind, ref.name)]
        judged = Judge(self.plan).judge_objects(objects, context, keep_records=True)
        return Judged(judged.findings, (*read.skipped, *judged.skipped), records=judged.records, members=judged.members)

    def report(self, content):
        context = self.context(content)
        judged = self.file(content, context)
        around = Judge(self.plan).judge_surroundings(context, judged.members)
        return assemble([judged, around], self.plan, None, "test")

    def propose(self, policies=()):
        content = self.example.manifest.encode()
        context = self.context(content)
        judging = Judging(
            read=ReadOptions(),
            content=lambda _: content,
            one=lambda _, text, ref: self.file(text, context, ref),
            everything=lambda contents: self.report(contents[FILE]),
            wide=context.wide,
        )
        return propose(self.report(content), judging, policies)
