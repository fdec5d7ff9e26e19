"""Amounts as Kubernetes writes them, in our units."""

from auditor.kube.quantity import parse


def milli(amounts, key):
    return parse(amounts[key]).milli if key in amounts else None


def in_bytes(amounts, key="memory"):
    found = milli(amounts, key)
    return None if found is None else -(-found // 1000)
