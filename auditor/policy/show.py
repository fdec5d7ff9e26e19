"""The page of a policy: what, why, how to fix, when to waive, parameters, examples; Markdown for people and SARIF."""

from typing import Any

from auditor.policy.model import Example, Policy


def page(policy: Policy) -> str:
    """Return the page of a policy as Markdown."""
    parts = [
        f"# {policy.id}",
        _facts(policy),
        f"## What\n\nFires for each {policy.scope} where:\n\n```cel\n{policy.when.strip()}\n```",
        f"It says: `{policy.message}`",
        f"## Why\n\n{policy.why}",
        f"## How to fix\n\n{policy.remediation}",
        *_fix(policy),
        f"## When to waive\n\n{policy.waive or 'Seldom.'}",
        *_parameters(policy),
        *_yields(policy),
        _examples("Good", policy.good),
        _examples("Bad", policy.bad),
    ]
    if policy.references:
        parts.append("## References\n\n" + "\n".join(f"- <{link}>" for link in policy.references))
    return "\n\n".join(parts) + "\n"


def _facts(policy: Policy) -> str:
    rows = [f"| severity | {policy.severity} |"]
    rows += [f"| severity {severity} | when `{condition}` |" for severity, condition in policy.severity_when]
    rows += [
        f"| scope | {policy.scope} |",
        f"| points at | `{policy.at}` |",
        f"| profiles | {', '.join(policy.profiles)} |",
    ]
    if policy.tags:
        rows.append(f"| tags | {', '.join(policy.tags)} |")
    if policy.aliases:
        rows.append(f"| once called | {', '.join(policy.aliases)} |")
    if policy.deprecated:
        rows.append(f"| deprecated | {policy.deprecated} |")
    return "| | |\n|---|---|\n" + "\n".join(rows)


def _fix(policy: Policy) -> list[str]:
    """Return what `auditor fix` does about it."""
    rule = policy.fix
    if rule is None:
        return []
    steps = [f"- writes `{text}` at `{path}`" for path, text in rule.set]
    steps += [f"- names `{path}` `{name}`" for path, name in rule.rename]
    steps += [f"- removes `{path}`" for path in rule.remove]
    if rule.history:
        steps.append("- writes the request and limit that history argues for, where there is one (`--usage`)")
    when = f", where `{rule.when.strip()}`" if rule.when else ""
    return [f"`auditor fix` does it{when}:\n\n" + "\n".join(steps)]


def _parameters(policy: Policy) -> list[str]:
    if not policy.params:
        return []
    rows = [f"- `{name}`: {value!r}" for name, value in policy.params.items()]
    for profile, params in policy.profile_params.items():
        rows += [f"- `{name}` in profile {profile}: {value!r}" for name, value in params.items()]
    return ["## Parameters\n\n" + "\n".join(rows)]


def _yields(policy: Policy) -> list[str]:
    if not policy.yields_to:
        return []
    return ["## Yields to\n\nSilent where one of these tells the same fact: " + ", ".join(policy.yields_to) + "."]


def _examples(title: str, examples: tuple[Example, ...]) -> str:
    parts = [f"## {title}"]
    for example in examples:
        if example.kubernetes_version:
            parts.append(f"On Kubernetes {example.kubernetes_version}:")
        if example.usage:
            parts.append("With this history:\n\n" + "\n".join(f"- {_line(item)}" for item in example.usage))
        parts.append(f"```yaml\n{example.manifest.rstrip()}\n```")
        parts += [f"> {message}" for message in example.messages]
    return "\n\n".join(parts)


def _line(item: dict[str, Any]) -> str:
    """Return a line of an example's history: the container, then its numbers."""
    numbers = ", ".join(f"{key} {value}" for key, value in item.items() if key not in ("workload", "container"))
    return f"{item['workload']}, container {item['container']}: {numbers}"
