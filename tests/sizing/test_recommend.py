"""The rules between a profile's numbers and a recommendation, and the sums of recommendations."""

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.policy.load import shipped_folder
from auditor.sizing.program import Sizer
from auditor.sizing.recommend import HEAP_SHARE, PINNED_RATIO, WEEK_DAYS, limit_floor, recommend, round_up
from auditor.sizing.totals import totals
from tests.sizing.containers import GIB, MIB, day, heap, item, profile, usage

THIN = usage(days=3, coverage_ratio=3 / 14)


def sized(source, request=300 * MIB, limit=400 * MIB, **more):
    """Return (request, limit) recommended where a profile gives these numbers."""
    found = recommend(source, Sizer(profile(str(request), None if limit is None else str(limit))), **more)
    return found.recommended_request_bytes, found.recommended_limit_bytes


def reasons(source, request=300 * MIB, limit=400 * MIB):
    return recommend(source, Sizer(profile(str(request), None if limit is None else str(limit)))).reasons


def test_numbers_are_rounded_up_to_mib():
    assert sized(item(), 300 * MIB + 1, 400 * MIB - 1) == (301 * MIB, 400 * MIB)


def test_a_container_without_history_gets_nothing_and_is_told():
    found = recommend(item(usage=None, days=()), Sizer(profile()))
    assert (found.recommended_request_bytes, found.recommended_limit_bytes) == (None, None)
    assert found.reasons == ("no history",)
    assert (found.days, found.coverage_ratio, found.pod_days) == (None, None, None)
    assert not found.changed


def test_an_ephemeral_container_gets_nothing_and_is_told():
    assert reasons(item(container_type="ephemeral")) == ("an ephemeral container takes no resources",)


def test_a_week_allows_to_lower():
    assert sized(item(usage=usage(days=7, coverage_ratio=0.5))) == (300 * MIB, 400 * MIB)


def test_a_few_lost_scrapes_are_no_gap():
    assert sized(item(usage=usage(days=7, coverage_ratio=0.96 / 2))) == (300 * MIB, 400 * MIB)


@pytest.mark.parametrize("known", [usage(days=6, coverage_ratio=6 / 14), usage(days=7, coverage_ratio=0.94 / 2), THIN])
def test_less_than_a_week_of_coverage_lowers_nothing(known):
    assert sized(item(usage=known)) == (512 * MIB, GIB)


def test_less_than_a_week_of_coverage_raises():
    assert sized(item(usage=THIN), 600 * MIB, 2 * GIB) == (600 * MIB, 2 * GIB)


def test_less_than_a_week_of_coverage_sets_no_limit_where_there_is_none():
    assert sized(item(usage=THIN, limit_bytes=None), 600 * MIB, 2 * GIB) == (600 * MIB, None)


def test_less_than_a_week_of_coverage_is_told_with_what_the_profile_gives():
    why = "3.0 days of coverage, lowering takes 7"
    assert reasons(item(usage=THIN)) == (
        f"request kept, though the profile gives 300Mi: {why}",
        f"limit kept, though the profile gives 400Mi: {why}",
    )
    assert reasons(item(usage=THIN, limit_bytes=None))[1] == f"no limit set, though the profile gives 400Mi: {why}"


def test_a_kept_value_keeps_its_bytes():
    assert sized(item(usage=THIN, request_bytes=500_000_000))[0] == 500_000_000


def test_a_request_above_the_limit_raises_the_limit():
    assert sized(item(), 500 * MIB, 400 * MIB) == (500 * MIB, 500 * MIB)
    assert reasons(item(), 500 * MIB, 400 * MIB) == ("limit raised to the request, 500Mi",)


def test_a_limit_that_is_left_alone_is_raised_to_the_request_too():
    assert sized(item(), 2 * GIB, None) == (2 * GIB, 2 * GIB)


def test_a_profile_without_limit_leaves_it_alone():
    assert sized(item(), 300 * MIB, None) == (300 * MIB, GIB)
    assert reasons(item(), 300 * MIB, None) == ("the profile leaves the limit alone",)
    assert sized(item(limit_bytes=None), 300 * MIB, None) == (300 * MIB, None)
    assert reasons(item(limit_bytes=None), 300 * MIB, None) == ("the profile sets no limit",)


def test_a_limit_of_zero_is_replaced():
    assert sized(item(limit_bytes=0)) == (300 * MIB, 400 * MIB)


@pytest.mark.parametrize(("limit", "known"), [(None, usage()), (400 * MIB, THIN)])
def test_a_limit_of_zero_that_would_stay_refuses_every_request(limit, known):
    source = item(limit_bytes=0, usage=known)
    assert sized(source, 300 * MIB, limit) == (None, None)
    assert "written as 0" in reasons(source, 300 * MIB, limit)[0]


# The heap.


@pytest.mark.parametrize(
    ("runtime", "floor", "words"),
    # 1024 / 0.8 = 1280; 1024 / 0.95 = 1077.9; where the limit must be above, the next MiB.
    [
        ("jvm", 1280, "1280Mi"),
        ("nodejs", 1280, "1280Mi"),
        ("go", 1078, "1078Mi"),
        ("dotnet", 1025, "1025Mi"),
        ("redis", 1025, "1025Mi"),
        ("postgresql", 1025, "1025Mi"),
    ],
)
def test_a_limit_holds_the_declared_heap_and_what_its_runtime_needs_besides(runtime, floor, words):
    found = recommend(item(heap=heap(runtime)), Sizer(profile()))
    assert (found.recommended_limit_bytes, found.floor_bytes) == (floor * MIB, floor * MIB)
    assert found.floor_applied
    assert found.reasons == (f"limit raised to {words}, which -Xmx1g needs",)


def test_a_limit_above_the_floor_is_left():
    found = recommend(item(heap=heap()), Sizer(profile(str(300 * MIB), str(2 * GIB))))
    assert found.recommended_limit_bytes == 2 * GIB
    assert not found.floor_applied


def test_a_heap_that_is_a_share_of_the_limit_sets_no_floor():
    assert limit_floor(heap(percent=75.0)) is None
    assert sized(item(heap=heap(percent=75.0))) == (300 * MIB, 400 * MIB)


def test_a_heap_that_nobody_declared_sets_no_floor():
    assert limit_floor(heap(max_bytes=None, declared=False)) is None
    assert limit_floor(heap(declared=False)) is None
    assert limit_floor(None) is None


def test_a_request_holds_the_heap_at_start():
    found = recommend(item(heap=heap(initial_bytes=512 * MIB)), Sizer(profile()))
    assert found.recommended_request_bytes == 512 * MIB
    assert found.reasons[0] == "request raised to the heap at start, 512Mi"


def test_the_floor_holds_for_a_limit_that_is_left_alone_but_makes_none():
    assert sized(item(heap=heap()), 300 * MIB, None)[1] == 1280 * MIB
    assert sized(item(heap=heap(), limit_bytes=None), 300 * MIB, None)[1] is None


@pytest.mark.parametrize(
    ("runtime", "policy"),
    [
        ("jvm", "jvm-heap-headroom-low"),
        ("nodejs", "node-heap-headroom-low"),
        ("go", "go-memory-limit-headroom-low"),
    ],
)
def test_the_floor_is_what_the_policy_of_the_runtime_asks_for(runtime, policy):
    text = (shipped_folder() / "runtimes" / f"{policy}.yaml").read_text()
    assert HEAP_SHARE[runtime] == yaml.safe_load(text)["params"]["max_share"]


# What is told besides.


def test_kills_are_told_with_the_last_day_and_its_limit():
    killed = usage(oom_kills=2, oom_days=("2026-11-03", "2026-11-05"), oom_limit_bytes=512 * MIB)
    assert reasons(item(usage=killed)) == ("2 OOM kills, last on 2026-11-05 at 512Mi",)
    assert reasons(item(usage=usage(oom_kills=1))) == ("1 OOM kill",)


def test_a_container_at_its_limit_is_told():
    told = ("at its limit for at least 8% of the time: the true need is not known",)
    assert reasons(item(usage=usage(near_limit_ratio=0.08))) == told
    assert reasons(item(usage=usage(near_limit_ratio=PINNED_RATIO))) == ()


def test_pod_days_above_the_new_values_are_counted():
    rows = (
        *(day(number, max_bytes=350 * MIB) for number in range(5)),
        day(6, max_bytes=400 * MIB),
        day(7, max_bytes=400 * MIB + 1),
        day(8, max_bytes=None),
    )
    found = recommend(item(days=rows), Sizer(profile(str(300 * MIB), str(400 * MIB))))
    assert (found.request_over_pod_days, found.limit_over_pod_days, found.pod_days) == (7, 1, 7)


def test_without_rows_nobody_knows_what_would_have_been_cut():
    found = recommend(item(days=()), Sizer(profile()))
    assert (found.request_over_pod_days, found.limit_over_pod_days, found.pod_days) == (None, None, None)


def test_differences_are_times_the_replicas():
    found = recommend(item(), Sizer(profile(str(300 * MIB), str(400 * MIB))))
    assert found.request_difference_bytes == 3 * (300 - 512) * MIB
    assert found.limit_difference_bytes == 3 * (400 - 1024) * MIB


def test_a_missing_request_counts_as_zero_and_a_missing_limit_has_no_difference():
    found = recommend(item(request_bytes=None, limit_bytes=None), Sizer(profile(str(300 * MIB), str(400 * MIB))))
    assert found.request_difference_bytes == 900 * MIB
    assert found.limit_difference_bytes is None


def test_without_a_number_of_replicas_there_is_no_difference():
    found = recommend(item(replicas=None), Sizer(profile()), price_per_gib_hour=0.01)
    assert (found.request_difference_bytes, found.monthly_cost_difference) == (None, None)


def test_money_is_the_price_of_the_requested_gib_for_730_hours():
    source = item(request_bytes=3 * GIB, replicas=2)
    found = recommend(source, Sizer(profile(str(GIB))), price_per_gib_hour=0.01)
    # 2 replicas x 2 GiB less x 0.01 x 730
    assert found.monthly_cost_difference == pytest.approx(-29.2)
    assert recommend(source, Sizer(profile(str(GIB)))).monthly_cost_difference is None


def test_an_init_container_costs_nothing_beside_the_others():
    found = recommend(item(container_type="init"), Sizer(profile()), price_per_gib_hour=0.01)
    assert found.monthly_cost_difference is None


def test_a_recommendation_of_what_is_set_changes_nothing():
    found = recommend(item(request_bytes=300 * MIB, limit_bytes=400 * MIB), Sizer(profile()))
    assert found.sized
    assert not found.changed


# Laws.

BYTES = st.integers(1, 2**45)
CURRENT = st.none() | st.integers(0, 2**45)


@given(
    request=BYTES,
    limit=st.none() | BYTES,
    current_request=CURRENT,
    current_limit=CURRENT,
    heap_bytes=st.none() | BYTES,
    initial_bytes=st.none() | BYTES,
    days=st.integers(1, 14),
    coverage=st.floats(0, 1),
)
def test_every_rule_holds_for_any_numbers(
    *, request, limit, current_request, current_limit, heap_bytes, initial_bytes, days, coverage
):
    known = usage(days=days, coverage_ratio=coverage)
    declared = heap(max_bytes=heap_bytes, initial_bytes=initial_bytes, declared=heap_bytes is not None)
    source = item(usage=known, request_bytes=current_request, limit_bytes=current_limit, heap=declared)
    new_request, new_limit = sized(source, request, limit)
    if new_request is None:
        assert current_limit == 0
        return
    assert new_request >= request
    assert new_request % MIB == 0 or new_request == current_request
    assert new_request >= (initial_bytes or 0)
    if new_limit is not None:
        assert new_limit >= new_request
        assert new_limit >= (heap_bytes or 0)
        assert limit is None or new_limit >= limit
    if days < WEEK_DAYS or coverage * 14 < 6.65:
        assert new_request >= (current_request or 0)
        assert new_limit is None or new_limit >= current_limit
        assert new_limit is not None or current_limit is None


@given(st.integers(0, 2**60))
def test_rounding_adds_less_than_a_mib(size):
    assert round_up(size) % MIB == 0
    assert size <= round_up(size) < size + MIB


# Sums.


def summed(*sources, price=None):
    sizer = Sizer(profile(str(300 * MIB), str(400 * MIB)))
    return totals((recommend(source, sizer) for source in sources), price_per_gib_hour=price)


def test_a_namespace_sums_values_times_replicas():
    (total,) = summed(item(), item(name="api", replicas=2), price=0.01)
    assert (total.request_bytes, total.recommended_request_bytes) == (5 * 512 * MIB, 5 * 300 * MIB)
    assert (total.limit_bytes, total.recommended_limit_bytes) == (5 * GIB, 5 * 400 * MIB)
    assert total.monthly_cost_difference == pytest.approx(5 * (300 - 512) / 1024 * 0.01 * 730)
    assert (total.containers, total.unsized, total.uncounted) == (2, 0, 0)


def test_a_container_without_a_recommendation_counts_with_what_it_has():
    (total,) = summed(item(), item(name="api", usage=None))
    assert (total.recommended_request_bytes, total.unsized) == (3 * 300 * MIB + 3 * 512 * MIB, 1)
    assert total.recommended_limit_bytes == 3 * 400 * MIB + 3 * GIB
    assert total.monthly_cost_difference is None


def test_a_container_without_a_number_of_replicas_is_in_no_sum_and_counted():
    (total,) = summed(item(replicas=None))
    assert (total.request_bytes, total.recommended_request_bytes, total.uncounted) == (0, 0, 1)


def test_an_init_container_is_in_no_sum():
    (total,) = summed(item(), item(container="migrate", container_type="init"))
    assert (total.containers, total.request_bytes) == (2, 3 * 512 * MIB)


def test_missing_values_add_nothing():
    (total,) = summed(item(request_bytes=None, limit_bytes=None, usage=None))
    assert (total.request_bytes, total.limit_bytes, total.recommended_limit_bytes) == (0, 0, 0)


def test_namespaces_are_sorted_by_cluster_and_name_and_no_name_is_first():
    found = summed(item(namespace="b"), item(namespace=None), item(cluster="x", namespace="a"), item(namespace="a"))
    assert [(total.cluster, total.namespace) for total in found] == [("", None), ("", "a"), ("", "b"), ("x", "a")]


def test_a_recommendation_holds_every_word_of_its_input():
    found = recommend(item(cluster="east", container_type="sidecar"), Sizer(profile()))
    told = msgspec.structs.asdict(found)
    expected = {"cluster": "east", "namespace": "shop", "kind": "Deployment", "name": "web", "container": "app"}
    assert expected.items() <= told.items()
    assert (found.container_type, found.replicas, found.profile) == ("sidecar", 3, "plain")
    assert (found.days, found.coverage_ratio) == (14, 1.0)


@pytest.mark.parametrize("known", [usage(), THIN])
def test_values_that_no_rule_moves_have_no_reason(known):
    same = item(request_bytes=2 * GIB, limit_bytes=2 * GIB, usage=known)
    assert reasons(same, 2 * GIB, 2 * GIB) == ()
    held = item(heap=heap(initial_bytes=GIB), request_bytes=GIB, limit_bytes=1280 * MIB, usage=known)
    found = recommend(held, Sizer(profile(str(GIB), str(1280 * MIB))))
    assert (found.reasons, found.floor_applied) == ((), False)


def test_a_container_without_a_recommended_limit_adds_none():
    sizer = Sizer(profile(str(300 * MIB), None))
    (total,) = totals([recommend(item(limit_bytes=None), sizer)])
    assert total.recommended_limit_bytes == 0
