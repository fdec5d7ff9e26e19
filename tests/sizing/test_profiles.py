"""The shipped profiles give what their formulas say; profile files are refused with the place of each fault."""

import pytest

from auditor.expressions.cel import FUNCTIONS
from auditor.sizing.load import KEYS, REQUIRED, ProfileError, load_profiles, shipped_folder
from auditor.sizing.model import ContainerNumbers
from auditor.sizing.program import Sizer
from tests.sizing.containers import GIB, MIB, day, heap, item, profile, usage

SHIPPED = load_profiles([shipped_folder()])


def wanted(name, **changes):
    result = Sizer(SHIPPED[name]).wanted(item(**changes))
    return result if isinstance(result, str) else (result.request_bytes, result.limit_bytes)


def test_the_shipped_profiles_are_those_of_the_documentation():
    assert set(SHIPPED) == {"balanced", "guaranteed", "saver", "vpa", "krr"}


def test_balanced_requests_p95_and_limits_the_peak_plus_15_percent():
    assert wanted("balanced") == (300 * MIB, 460 * MIB)


def test_balanced_requests_the_mean_plus_20_percent_where_that_is_more():
    # 280 MiB x 1.2 = 336 MiB
    assert wanted("balanced", usage=usage(mean_bytes=280 * MIB))[0] == 336 * MIB


def test_balanced_limits_a_fifth_above_the_limit_of_the_last_kill():
    # 512 MiB x 1.2 = 614.4 MiB
    assert wanted("balanced", usage=usage(oom_limit_bytes=512 * MIB))[1] == -(-6144 * MIB // 10)


def test_guaranteed_takes_the_larger_of_both_for_both():
    assert wanted("guaranteed") == (460 * MIB, 460 * MIB)
    assert wanted("guaranteed", usage=usage(mean_bytes=390 * MIB)) == (468 * MIB, 468 * MIB)


def test_guaranteed_is_never_under_the_limit_of_the_last_kill():
    size = -(-6144 * MIB // 10)
    assert wanted("guaranteed", usage=usage(oom_limit_bytes=512 * MIB)) == (size, size)


def test_saver_requests_a_tenth_over_the_mean_and_limits_half_over_the_peak():
    assert wanted("saver", usage=usage(mean_bytes=300 * MIB)) == (330 * MIB, 600 * MIB)


@pytest.mark.parametrize("name", ["balanced", "guaranteed", "saver"])
def test_a_limit_is_at_least_what_cri_o_starts_a_container_with(name):
    tiny = usage(mean_bytes=MIB, p95_bytes=MIB, max_bytes=2 * MIB)
    assert wanted(name, usage=tiny)[1] == 12 * MIB


def test_krr_gives_the_peak_plus_15_percent_for_both():
    assert wanted("krr") == (460 * MIB, 460 * MIB)


def test_krr_says_nothing_for_what_an_autoscaler_scales_by_memory():
    assert wanted("krr", scaled_by_memory=True) == "krr recommends nothing: HPA detected"


def vpa_target():
    """400 MiB is in the bucket 23 of the recommender's histogram, which ends where 24 starts; 15 % are added."""
    return 1e7 * (1.05**24 - 1) / 0.05 * 1.15


def test_vpa_targets_the_end_of_the_bucket_of_the_90th_percentile_plus_15_percent():
    request, _ = wanted("vpa", request_bytes=512 * MIB, limit_bytes=None)
    assert request == pytest.approx(vpa_target(), abs=2)


def test_vpa_keeps_the_ratio_of_limit_to_request():
    request, limit = wanted("vpa", request_bytes=512 * MIB, limit_bytes=GIB)
    assert limit == 2 * request


def test_vpa_sets_no_limit_where_there_is_none():
    assert wanted("vpa", limit_bytes=None)[1] is None
    assert wanted("vpa", limit_bytes=0)[1] is None


@pytest.mark.parametrize("request_bytes", [None, 0])
def test_vpa_limits_what_it_requests_where_only_a_limit_was_set(request_bytes):
    request, limit = wanted("vpa", request_bytes=request_bytes, limit_bytes=GIB)
    assert limit == request


def test_vpa_splits_the_smallest_pod_of_250_mib_over_its_containers():
    small = tuple(day(number, max_bytes=MIB) for number in range(14))
    assert wanted("vpa", days=small, pod_containers=2)[0] == 125 * MIB
    assert wanted("vpa", days=small, pod_containers=0)[0] == 250 * MIB


@pytest.mark.parametrize("name", ["vpa", "krr"])
def test_an_estimator_without_days_says_so(name):
    assert wanted(name, days=()) == f"the estimator {name} needs days with a peak, and history has none"


def test_vpa_without_a_peak_says_so():
    assert "needs days with a peak" in wanted("vpa", days=(day(0, max_bytes=None),))


def test_a_profile_sees_the_numbers_of_the_container():
    text = 'container.runtime == "jvm" && container.type == "app" ? container.heap_max_bytes * container.replicas : 1'
    result = Sizer(profile(text)).wanted(item(heap=heap()))
    assert result.request_bytes == 3 * GIB


def test_a_number_that_history_lacks_is_told():
    assert "p95_bytes" in wanted("balanced", usage=usage(p95_bytes=None))


@pytest.mark.parametrize(
    ("text", "words"),
    [("0", "gave 0 bytes"), ("-5", "gave -5 bytes"), ("times(quantity('1Ei'), 2.0)", "which is no amount of memory")],
)
def test_an_absurd_number_is_no_recommendation(text, words):
    assert words in Sizer(profile(text)).wanted(item())
    assert words in Sizer(profile(limit=text)).wanted(item())


def test_a_number_that_is_no_whole_number_of_bytes_is_no_recommendation():
    assert Sizer(profile("1.5")).wanted(item()) == "request gave 1.5, which is no number of bytes"
    assert Sizer(profile("true")).wanted(item()) == "request gave True, which is no number of bytes"


def test_a_condition_of_the_limit_that_cannot_be_told_is_no_recommendation():
    told = Sizer(profile(limit_when="container.replicas > 1")).wanted(item(replicas=None))
    assert told.startswith("limit_when cannot be told: ")


def test_a_profile_without_a_limit_leaves_it_alone():
    assert Sizer(profile(limit=None)).wanted(item()).limit_bytes is None


def test_every_field_and_function_that_a_profile_may_use_is_documented():
    from auditor.docs import ROOT

    page = (ROOT / "sizing.md").read_text()
    for name in (*KEYS, *ContainerNumbers.__struct_fields__, *FUNCTIONS, *SHIPPED):
        assert f"`{name}" in page or f"`container.{name}`" in page, name


# Files of users.

GOOD = """\
id: mine
why: for tests
params: {factor: 2.0}
request: 'times(usage.mean_bytes, params.factor)'
limit: 'usage.max_bytes'
"""


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def faults(folder):
    with pytest.raises(ProfileError) as caught:
        load_profiles([folder])
    return str(caught.value).splitlines()


def test_a_user_can_write_a_profile(tmp_path):
    write(tmp_path, GOOD)
    mine = load_profiles([shipped_folder(), tmp_path])["mine"]
    assert Sizer(mine).wanted(item()).request_bytes == 400 * MIB


def test_a_later_folder_overrides_by_id(tmp_path):
    write(tmp_path, GOOD.replace("id: mine", "id: saver"), "saver.yaml")
    assert load_profiles([shipped_folder(), tmp_path])["saver"].why == "for tests"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("times(usage.mean_bytes, params.factor)", "usage.mean_byte"), "4:16: request: no fact 'mean_byte'"),
        (("params.factor)", "params.facto)"), "4:35: request: no parameter 'facto'; write params.factor instead"),
        (("times(usage.mean_bytes, params.factor)", "1.5"), "4:11: request: must be int, not double; write times("),
        (
            ("'usage.max_bytes'", "'estimate.target_bytes'"),
            "5:17: limit: no variable or function 'estimate'; name an estimator first",
        ),
        (("limit:", "limits:"), "5:1: limits: no such key; write limit instead"),
        (("limit: 'usage.max_bytes'", "limit_when: 'true'"), "5:1: limit_when: there is no limit that it could be"),
        (("why: for tests", "why: 3"), "2:1: why: must be a text"),
        (("id: mine", "id: other"), "1:1: id: must be the file's name, 'mine'"),
        (("why: for tests", "why: x\nestimator: vpaa"), "3:1: estimator: 'vpaa' must be one of vpa, krr"),
        (("{factor: 2.0}", "{factor: [1]}"), "3:10: params.factor: must be a number, a text, or true or false"),
        (("{factor: 2.0}", "7"), "3:1: params: must be a mapping"),
        (("why: for tests\n", ""), "why is missing"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path, change, fault):
    path = write(tmp_path, GOOD.replace(*change))
    told = faults(tmp_path)
    assert len(told) == 1
    assert told[0].startswith(f"{path}:")
    assert fault in told[0]


def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    write(tmp_path, GOOD.replace("usage.max_bytes", "usage.none").replace("params.factor", "params.none"))
    write(tmp_path, "id: [", "broken.yaml")
    write(tmp_path, "- a\n", "list.yaml")
    write(tmp_path, GOOD.replace("id: mine", "id: Not_An_Id"), "Not_An_Id.yaml")
    (tmp_path / "folder.yaml").mkdir()
    told = faults(tmp_path)
    assert [sum(f"/{name}.yaml:" in line for line in told) for name in ("mine", "broken", "list", "Not_An_Id")] == [
        2,
        1,
        1,
        1,
    ]
    assert any("folder.yaml: " in line for line in told)


def test_an_id_may_be_there_once_in_a_folder(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "mine.yml")
    assert faults(tmp_path) == [f"{tmp_path}/mine.yml:1:1: id: 'mine' is there twice in {tmp_path}"]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    assert faults(tmp_path / "none") == [f"{tmp_path}/none: no such folder of profiles"]


def test_required_keys_are_keys():
    assert set(REQUIRED) < set(KEYS)
