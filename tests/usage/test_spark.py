"""The same aggregation on Spark in local mode: equal to DuckDB's, to the bit."""

import importlib.util
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from auditor.usage.aggregate import aggregate
from auditor.usage.errors import UsageError
from auditor.usage.model import UsageDay
from auditor.usage.table import write_days
from tests.tools import need

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 10)
HAS_SPARK = importlib.util.find_spec("pyspark") is not None


@pytest.fixture
def spark():
    """Skip where Spark cannot run, and end the session that a test began."""
    if not HAS_SPARK:
        pytest.skip("the extra `spark` is not installed: `make test-spark`")
    need("java")
    yield
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()


def known(seed):
    """Return one row with numbers of every size, gaps, ties and rows of one key."""
    numbers = sorted(seed.choice((seed.randrange(30), seed.randrange(2**60))) for _ in range(5))
    low, mean, p95, p99, high = (value if seed.random() < 0.8 else None for value in numbers)

    def some(bound):
        return seed.choice((None, seed.randrange(bound)))

    return UsageDay(
        cluster=seed.choice(("", "prod", "eu/west:1=é")),
        day=FIRST + timedelta(days=seed.randrange(10)),
        namespace=seed.choice(("shop", "it's")),
        workload_kind=seed.choice(("", "Deployment")),
        workload_name=seed.choice(("", "cart")),
        pod=seed.choice(("a", "b", "c", "")) if seed.random() < 0.05 else seed.choice(("a", "b", "c")),
        container=seed.choice(("main", "side")),
        container_type=seed.choice((None, "app", "sidecar")),
        samples=seed.choice((0, 1440, 2**31)),
        coverage=seed.choice((None, seed.random(), 0.0000005, 0.0000015)),
        min_bytes=low,
        mean_bytes=mean,
        p95_bytes=p95,
        p99_bytes=p99,
        max_bytes=high,
        rss_max_bytes=some(2**60),
        cache_max_bytes=some(9),
        swap_max_bytes=some(9),
        request_bytes=some(9),
        limit_bytes=some(2**60),
        oom_kills=some(2),
        restarts=some(2),
        pressure_waiting_ratio=seed.choice((None, seed.random())),
        source="test",
        collected_at=datetime(2026, 11, 20, tzinfo=UTC) + timedelta(microseconds=seed.randrange(3)),
    )


@pytest.mark.usefixtures("spark")
@pytest.mark.filterwarnings("ignore")
def test_spark_says_to_the_bit_what_duckdb_and_python_say(tmp_path):
    seed = random.Random(20261101)  # noqa: S311 - seeded, not secret
    rows = list(
        {(each.cluster, each.day, each.pod, each.container): each for each in map(known, [seed] * 2000)}.values()
    )
    tmp_path = tmp_path / "a[b] {c,d}*"
    write_days(tmp_path, rows)
    window = {"since": FIRST, "until": LAST}
    on_spark = aggregate(tmp_path, engine="spark", **window)
    assert on_spark == aggregate(tmp_path, **window)
    assert on_spark[0] == aggregate(rows, **window)[0]
    assert any(each.floors for each in on_spark[0])
    one = aggregate(tmp_path, engine="spark", cluster="prod", **window)
    assert one == aggregate(tmp_path, cluster="prod", **window)


@pytest.mark.usefixtures("spark")
@pytest.mark.filterwarnings("ignore")
def test_spark_leaves_out_and_tells_the_rows_that_duckdb_does(tmp_path):
    import duckdb

    pods = "VALUES ('a', 5, 1), ('a', 5, 2), ('b', -1, 1), ('c', 5, -7), ('', 1, 1)"
    same = "DATE '2026-11-02' AS day, 'n' AS namespace, 'c' AS container, 'x' AS source"
    rows = duckdb.sql(pods).project(
        f"col0 AS pod, col1 AS samples, col2 AS max_bytes, {same}, TIMESTAMP '2026-11-20' AS collected_at"
    )
    rows.write_parquet(str(tmp_path / "export.parquet"))
    window = {"since": FIRST, "until": LAST, "today": LAST}
    on_spark = aggregate(tmp_path, engine="spark", **window)
    assert on_spark == aggregate(tmp_path, **window)
    assert len(on_spark[1]) == 4
    assert on_spark[0][0].max_bytes == 2


@pytest.mark.skipif(HAS_SPARK, reason="pyspark is installed")
def test_without_pyspark_the_engine_says_what_it_needs(tmp_path):
    with pytest.raises(UsageError, match="the engine spark needs pyspark and Java: pip install pyspark"):
        aggregate(tmp_path, since=FIRST, until=LAST, engine="spark")
