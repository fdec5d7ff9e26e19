-- judged
SELECT
  "t2"."cluster",
  "t2"."day",
  "t2"."namespace",
  "t2"."workload_kind",
  "t2"."workload_name",
  "t2"."pod",
  "t2"."container",
  "t2"."container_type",
  "t2"."samples",
  "t2"."coverage",
  "t2"."min_bytes",
  "t2"."mean_bytes",
  "t2"."p95_bytes",
  "t2"."p99_bytes",
  "t2"."max_bytes",
  "t2"."rss_max_bytes",
  "t2"."cache_max_bytes",
  "t2"."swap_max_bytes",
  "t2"."request_bytes",
  "t2"."limit_bytes",
  "t2"."oom_kills",
  "t2"."restarts",
  "t2"."pressure_waiting_ratio",
  "t2"."source",
  "t2"."collected_at",
  "t2"."file",
  COALESCE(
    "t2"."wrong",
    CASE
      WHEN "t2"."place" > 0
      THEN CASE
        WHEN "t2"."collected_at" = "t2"."latest"
        THEN 'repeats another row of the same time: the larger one counts'
        ELSE 'replaced'
      END
      ELSE NULL
    END
  ) AS "fault"
FROM (
  SELECT
    "t1"."cluster",
    "t1"."day",
    "t1"."namespace",
    "t1"."workload_kind",
    "t1"."workload_name",
    "t1"."pod",
    "t1"."container",
    "t1"."container_type",
    "t1"."samples",
    "t1"."coverage",
    "t1"."min_bytes",
    "t1"."mean_bytes",
    "t1"."p95_bytes",
    "t1"."p99_bytes",
    "t1"."max_bytes",
    "t1"."rss_max_bytes",
    "t1"."cache_max_bytes",
    "t1"."swap_max_bytes",
    "t1"."request_bytes",
    "t1"."limit_bytes",
    "t1"."oom_kills",
    "t1"."restarts",
    "t1"."pressure_waiting_ratio",
    "t1"."source",
    "t1"."collected_at",
    "t1"."file",
    "t1"."today",
    "t1"."wrong",
    ROW_NUMBER() OVER (
      PARTITION BY "t1"."cluster", "t1"."day", "t1"."namespace", "t1"."pod", "t1"."container", "t1"."wrong" IS NULL
      ORDER BY "t1"."collected_at" DESC, "t1"."samples" DESC, "t1"."min_bytes" DESC, "t1"."mean_bytes" DESC, "t1"."p95_bytes" DESC, "t1"."p99_bytes" DESC, "t1"."max_bytes" DESC, "t1"."rss_max_bytes" DESC, "t1"."cache_max_bytes" DESC, "t1"."swap_max_bytes" DESC, "t1"."request_bytes" DESC, "t1"."limit_bytes" DESC, "t1"."oom_kills" DESC, "t1"."restarts" DESC, "t1"."coverage" DESC, "t1"."pressure_waiting_ratio" DESC, "t1"."workload_kind" DESC, "t1"."workload_name" DESC, "t1"."container_type" DESC, "t1"."source" DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) - 1 AS "place",
    FIRST_VALUE("t1"."collected_at") OVER (
      PARTITION BY "t1"."cluster", "t1"."day", "t1"."namespace", "t1"."pod", "t1"."container", "t1"."wrong" IS NULL
      ORDER BY "t1"."collected_at" DESC, "t1"."samples" DESC, "t1"."min_bytes" DESC, "t1"."mean_bytes" DESC, "t1"."p95_bytes" DESC, "t1"."p99_bytes" DESC, "t1"."max_bytes" DESC, "t1"."rss_max_bytes" DESC, "t1"."cache_max_bytes" DESC, "t1"."swap_max_bytes" DESC, "t1"."request_bytes" DESC, "t1"."limit_bytes" DESC, "t1"."oom_kills" DESC, "t1"."restarts" DESC, "t1"."coverage" DESC, "t1"."pressure_waiting_ratio" DESC, "t1"."workload_kind" DESC, "t1"."workload_name" DESC, "t1"."container_type" DESC, "t1"."source" DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "latest"
  FROM (
    SELECT
      "t0"."cluster",
      "t0"."day",
      "t0"."namespace",
      "t0"."workload_kind",
      "t0"."workload_name",
      "t0"."pod",
      "t0"."container",
      "t0"."container_type",
      "t0"."samples",
      "t0"."coverage",
      "t0"."min_bytes",
      "t0"."mean_bytes",
      "t0"."p95_bytes",
      "t0"."p99_bytes",
      "t0"."max_bytes",
      "t0"."rss_max_bytes",
      "t0"."cache_max_bytes",
      "t0"."swap_max_bytes",
      "t0"."request_bytes",
      "t0"."limit_bytes",
      "t0"."oom_kills",
      "t0"."restarts",
      "t0"."pressure_waiting_ratio",
      "t0"."source",
      "t0"."collected_at",
      "t0"."file",
      "t0"."today",
      CASE
        WHEN (
          "t0"."namespace" IS NULL
        ) OR (
          "t0"."namespace" = ''
        )
        THEN 'namespace is missing'
        WHEN (
          "t0"."pod" IS NULL
        ) OR (
          "t0"."pod" = ''
        )
        THEN 'pod is missing'
        WHEN (
          "t0"."container" IS NULL
        ) OR (
          "t0"."container" = ''
        )
        THEN 'container is missing'
        WHEN (
          "t0"."source" IS NULL
        ) OR (
          "t0"."source" = ''
        )
        THEN 'source is missing'
        WHEN "t0"."day" IS NULL
        THEN 'day is missing'
        WHEN "t0"."collected_at" IS NULL
        THEN 'collected_at is missing'
        WHEN "t0"."samples" IS NULL
        THEN 'samples is missing'
        WHEN "t0"."day" > "t0"."today"
        THEN 'lies in the future'
        WHEN "t0"."samples" < 0
        THEN 'samples is negative'
        WHEN "t0"."samples" > 2147483648
        THEN 'samples is too large to be true'
        WHEN "t0"."oom_kills" < 0
        THEN 'oom_kills is negative'
        WHEN "t0"."oom_kills" > 2147483648
        THEN 'oom_kills is too large to be true'
        WHEN "t0"."restarts" < 0
        THEN 'restarts is negative'
        WHEN "t0"."restarts" > 2147483648
        THEN 'restarts is too large to be true'
        WHEN "t0"."min_bytes" < 0
        THEN 'min_bytes is negative'
        WHEN "t0"."min_bytes" > 1152921504606846976
        THEN 'min_bytes is too large to be true'
        WHEN "t0"."mean_bytes" < 0
        THEN 'mean_bytes is negative'
        WHEN "t0"."mean_bytes" > 1152921504606846976
        THEN 'mean_bytes is too large to be true'
        WHEN "t0"."p95_bytes" < 0
        THEN 'p95_bytes is negative'
        WHEN "t0"."p95_bytes" > 1152921504606846976
        THEN 'p95_bytes is too large to be true'
        WHEN "t0"."p99_bytes" < 0
        THEN 'p99_bytes is negative'
        WHEN "t0"."p99_bytes" > 1152921504606846976
        THEN 'p99_bytes is too large to be true'
        WHEN "t0"."max_bytes" < 0
        THEN 'max_bytes is negative'
        WHEN "t0"."max_bytes" > 1152921504606846976
        THEN 'max_bytes is too large to be true'
        WHEN "t0"."rss_max_bytes" < 0
        THEN 'rss_max_bytes is negative'
        WHEN "t0"."rss_max_bytes" > 1152921504606846976
        THEN 'rss_max_bytes is too large to be true'
        WHEN "t0"."cache_max_bytes" < 0
        THEN 'cache_max_bytes is negative'
        WHEN "t0"."cache_max_bytes" > 1152921504606846976
        THEN 'cache_max_bytes is too large to be true'
        WHEN "t0"."swap_max_bytes" < 0
        THEN 'swap_max_bytes is negative'
        WHEN "t0"."swap_max_bytes" > 1152921504606846976
        THEN 'swap_max_bytes is too large to be true'
        WHEN "t0"."request_bytes" < 0
        THEN 'request_bytes is negative'
        WHEN "t0"."request_bytes" > 1152921504606846976
        THEN 'request_bytes is too large to be true'
        WHEN "t0"."limit_bytes" < 0
        THEN 'limit_bytes is negative'
        WHEN "t0"."limit_bytes" > 1152921504606846976
        THEN 'limit_bytes is too large to be true'
        WHEN (
          "t0"."coverage" < 0
        ) OR (
          "t0"."coverage" > 1
        )
        THEN 'coverage is not between 0 and 1'
        WHEN (
          "t0"."pressure_waiting_ratio" < 0
        )
        OR (
          "t0"."pressure_waiting_ratio" > 1
        )
        THEN 'pressure_waiting_ratio is not between 0 and 1'
        WHEN "t0"."min_bytes" > "t0"."mean_bytes"
        THEN 'min_bytes is above mean_bytes'
        WHEN "t0"."min_bytes" > "t0"."p95_bytes"
        THEN 'min_bytes is above p95_bytes'
        WHEN "t0"."min_bytes" > "t0"."p99_bytes"
        THEN 'min_bytes is above p99_bytes'
        WHEN "t0"."min_bytes" > "t0"."max_bytes"
        THEN 'min_bytes is above max_bytes'
        WHEN "t0"."mean_bytes" > "t0"."max_bytes"
        THEN 'mean_bytes is above max_bytes'
        WHEN "t0"."p95_bytes" > "t0"."p99_bytes"
        THEN 'p95_bytes is above p99_bytes'
        WHEN "t0"."p95_bytes" > "t0"."max_bytes"
        THEN 'p95_bytes is above max_bytes'
        WHEN "t0"."p99_bytes" > "t0"."max_bytes"
        THEN 'p99_bytes is above max_bytes'
        ELSE NULL
      END AS "wrong"
    FROM "usage_rows" AS "t0"
  ) AS "t1"
) AS "t2"
-- faults
SELECT
  "t1"."file",
  "t1"."fault",
  COUNT(*) AS "rows"
FROM (
  SELECT
    *
  FROM "usage_days" AS "t0"
  WHERE
    "t0"."fault" IS NOT NULL AND "t0"."fault" <> 'replaced'
) AS "t1"
GROUP BY
  1,
  2
-- by_day
SELECT
  "t1"."cluster",
  "t1"."namespace",
  "t1"."workload_kind",
  "t1"."workload_name",
  "t1"."container",
  "t1"."day",
  COUNT(DISTINCT "t1"."pod") AS "pods",
  SUM("t1"."samples") AS "samples",
  COALESCE(
    SUM(
      CAST(FLOOR("t1"."coverage" * 1000000.0) AS BIGINT) + CASE
        WHEN (
          (
            (
              "t1"."coverage" * 1000000.0
            ) - CAST(FLOOR("t1"."coverage" * 1000000.0) AS BIGINT)
          ) > 0.5
        )
        OR (
          (
            (
              (
                "t1"."coverage" * 1000000.0
              ) - CAST(FLOOR("t1"."coverage" * 1000000.0) AS BIGINT)
            ) = 0.5
          )
          AND (
            (
              CAST(FLOOR("t1"."coverage" * 1000000.0) AS BIGINT) % 2
            ) = 1
          )
        )
        THEN 1
        ELSE 0
      END
    ),
    0
  ) AS "coverage_ppm_sum",
  COUNT("t1"."coverage") AS "coverage_pods",
  MAX("t1"."max_bytes") AS "peak_bytes",
  MAX("t1"."request_bytes") AS "request_bytes",
  MAX("t1"."limit_bytes") AS "limit_bytes",
  SUM("t1"."oom_kills") AS "oom_kills",
  MAX("t1"."limit_bytes") FILTER(WHERE
    "t1"."oom_kills" > 0) AS "oom_limit_bytes",
  SUM("t1"."restarts") AS "restarts"
FROM (
  SELECT
    *
  FROM "usage_days" AS "t0"
  WHERE
    "t0"."fault" IS NULL
) AS "t1"
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6
-- by_container
SELECT
  "t1"."cluster",
  "t1"."namespace",
  "t1"."workload_kind",
  "t1"."workload_name",
  "t1"."container",
  MAX("t1"."container_type") AS "container_type",
  COUNT(DISTINCT "t1"."pod") AS "pods",
  COUNT(*) AS "pod_days",
  SUM("t1"."samples") AS "samples",
  CAST(SUM(
    CAST("t1"."mean_bytes" AS DECIMAL(19, 0)) * CAST("t1"."samples" AS DECIMAL(10, 0))
  ) AS TEXT) AS "mean_weighted",
  SUM(CASE WHEN "t1"."mean_bytes" IS NOT NULL THEN "t1"."samples" ELSE 0 END) AS "mean_samples",
  CASE
    WHEN COUNT("t1"."mean_bytes") > 0
    THEN LIST_EXTRACT(
      LIST_SORT(ARRAY_AGG("t1"."mean_bytes") FILTER(WHERE
        "t1"."mean_bytes" IS NOT NULL)),
      (
        CAST(CAST(FLOOR((
          (
            COUNT("t1"."mean_bytes") * 50
          ) + 99
        ) / (
          100
        )) AS BIGINT) AS INT) - 1
      ) + CAST((
        CAST(CAST(FLOOR((
          (
            COUNT("t1"."mean_bytes") * 50
          ) + 99
        ) / (
          100
        )) AS BIGINT) AS INT) - 1
      ) >= 0 AS BIGINT)
    )
    ELSE NULL
  END AS "p50_bytes",
  CASE
    WHEN COUNT("t1"."p95_bytes") > 0
    THEN LIST_EXTRACT(
      LIST_SORT(ARRAY_AGG("t1"."p95_bytes") FILTER(WHERE
        "t1"."p95_bytes" IS NOT NULL)),
      (
        CAST(CAST(FLOOR((
          (
            COUNT("t1"."p95_bytes") * 95
          ) + 99
        ) / (
          100
        )) AS BIGINT) AS INT) - 1
      ) + CAST((
        CAST(CAST(FLOOR((
          (
            COUNT("t1"."p95_bytes") * 95
          ) + 99
        ) / (
          100
        )) AS BIGINT) AS INT) - 1
      ) >= 0 AS BIGINT)
    )
    ELSE NULL
  END AS "p95_bytes",
  CASE
    WHEN COUNT("t1"."p99_bytes") > 0
    THEN LIST_EXTRACT(
      LIST_SORT(ARRAY_AGG("t1"."p99_bytes") FILTER(WHERE
        "t1"."p99_bytes" IS NOT NULL)),
      (
        CAST(CAST(FLOOR((
          (
            COUNT("t1"."p99_bytes") * 99
          ) + 99
        ) / (
          100
        )) AS BIGINT) AS INT) - 1
      ) + CAST((
        CAST(CAST(FLOOR((
          (
            COUNT("t1"."p99_bytes") * 99
          ) + 99
        ) / (
          100
        )) AS BIGINT) AS INT) - 1
      ) >= 0 AS BIGINT)
    )
    ELSE NULL
  END AS "p99_bytes",
  MAX("t1"."max_bytes") AS "max_bytes",
  COALESCE(
    SUM(
      CASE
        WHEN (
          CAST("t1"."min_bytes" AS DECIMAL(19, 0)) * 20
        ) >= (
          CAST("t1"."limit_bytes" AS DECIMAL(19, 0)) * 19
        )
        THEN 100
        WHEN (
          CAST("t1"."p95_bytes" AS DECIMAL(19, 0)) * 20
        ) >= (
          CAST("t1"."limit_bytes" AS DECIMAL(19, 0)) * 19
        )
        THEN 5
        WHEN (
          CAST("t1"."p99_bytes" AS DECIMAL(19, 0)) * 20
        ) >= (
          CAST("t1"."limit_bytes" AS DECIMAL(19, 0)) * 19
        )
        THEN 1
        ELSE 0
      END * "t1"."samples"
    ),
    0
  ) AS "near_limit_samples",
  SUM(
    CASE
      WHEN (
        "t1"."limit_bytes" IS NOT NULL
      )
      AND (
        (
          "t1"."min_bytes" IS NOT NULL
        )
        OR (
          "t1"."p95_bytes" IS NOT NULL
        )
        OR (
          "t1"."p99_bytes" IS NOT NULL
        )
      )
      THEN "t1"."samples"
      ELSE 0
    END
  ) AS "limited_samples",
  SUM("t1"."oom_kills") AS "oom_kills",
  SUM("t1"."restarts") AS "restarts",
  MAX("t1"."rss_max_bytes") AS "rss_max_bytes",
  MAX("t1"."cache_max_bytes") AS "cache_max_bytes",
  MAX("t1"."swap_max_bytes") AS "swap_max_bytes",
  MAX("t1"."pressure_waiting_ratio") AS "pressure_waiting_ratio"
FROM (
  SELECT
    *
  FROM "usage_days" AS "t0"
  WHERE
    "t0"."fault" IS NULL
) AS "t1"
GROUP BY
  1,
  2,
  3,
  4,
  5
-- floors
WITH "t1" AS (
  SELECT
    "t0"."cluster",
    "t0"."namespace",
    "t0"."workload_kind",
    "t0"."workload_name",
    "t0"."container",
    "t0"."pod",
    "t0"."day",
    "t0"."min_bytes",
    "t0"."limit_bytes",
    "t0"."restarts",
    "t0"."oom_kills"
  FROM "usage_days" AS "t0"
  WHERE
    "t0"."fault" IS NULL AND "t0"."min_bytes" IS NOT NULL
), "t7" AS (
  SELECT
    "t6"."cluster",
    "t6"."namespace",
    "t6"."workload_kind",
    "t6"."workload_name",
    "t6"."container",
    "t6"."pod",
    "t6"."series",
    "t6"."day",
    "t6"."min_bytes"
  FROM (
    SELECT
      "t5"."cluster",
      "t5"."namespace",
      "t5"."workload_kind",
      "t5"."workload_name",
      "t5"."container",
      "t5"."pod",
      "t5"."day",
      "t5"."min_bytes",
      "t5"."limit_bytes",
      "t5"."restarts",
      "t5"."oom_kills",
      "t5"."limit_before",
      "t5"."begins",
      SUM("t5"."begins") OVER (
        PARTITION BY "t5"."cluster", "t5"."namespace", "t5"."workload_kind", "t5"."workload_name", "t5"."container", "t5"."pod"
        ORDER BY "t5"."day" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "series"
    FROM (
      SELECT
        "t4"."cluster",
        "t4"."namespace",
        "t4"."workload_kind",
        "t4"."workload_name",
        "t4"."container",
        "t4"."pod",
        "t4"."day",
        "t4"."min_bytes",
        "t4"."limit_bytes",
        "t4"."restarts",
        "t4"."oom_kills",
        "t4"."limit_before",
        CASE
          WHEN (
            COALESCE("t4"."restarts", 0) > 0
          )
          OR (
            COALESCE("t4"."oom_kills", 0) > 0
          )
          OR COALESCE("t4"."limit_bytes" <> "t4"."limit_before", FALSE)
          THEN 1
          ELSE 0
        END AS "begins"
      FROM (
        SELECT
          "t2"."cluster",
          "t2"."namespace",
          "t2"."workload_kind",
          "t2"."workload_name",
          "t2"."container",
          "t2"."pod",
          "t2"."day",
          "t2"."min_bytes",
          "t2"."limit_bytes",
          "t2"."restarts",
          "t2"."oom_kills",
          LAG("t2"."limit_bytes") OVER (
            PARTITION BY "t2"."cluster", "t2"."namespace", "t2"."workload_kind", "t2"."workload_name", "t2"."container", "t2"."pod", "t2"."limit_bytes" IS NULL
            ORDER BY "t2"."day" ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS "limit_before"
        FROM "t1" AS "t2"
      ) AS "t4"
    ) AS "t5"
  ) AS "t6"
)
SELECT
  "t3"."cluster",
  "t3"."namespace",
  "t3"."workload_kind",
  "t3"."workload_name",
  "t3"."container",
  "t3"."pod",
  "t3"."day",
  "t3"."min_bytes",
  "t3"."limit_bytes",
  "t3"."restarts",
  "t3"."oom_kills"
FROM "t1" AS "t3"
SEMI JOIN (
  SELECT
    *
  FROM (
    SELECT
      "t11"."cluster",
      "t11"."namespace",
      "t11"."workload_kind",
      "t11"."workload_name",
      "t11"."container",
      SUM("t11"."sign") AS "rise"
    FROM (
      SELECT
        "t9"."cluster",
        "t9"."namespace",
        "t9"."workload_kind",
        "t9"."workload_name",
        "t9"."container",
        CASE
          WHEN "t10"."min_bytes" > "t9"."min_bytes"
          THEN 1
          WHEN "t10"."min_bytes" < "t9"."min_bytes"
          THEN -1
          ELSE 0
        END AS "sign"
      FROM "t7" AS "t9"
      INNER JOIN "t7" AS "t10"
        ON "t9"."cluster" = "t10"."cluster"
        AND "t9"."namespace" = "t10"."namespace"
        AND "t9"."workload_kind" = "t10"."workload_kind"
        AND "t9"."workload_name" = "t10"."workload_name"
        AND "t9"."container" = "t10"."container"
        AND "t9"."pod" = "t10"."pod"
        AND "t9"."series" = "t10"."series"
        AND "t9"."day" < "t10"."day"
    ) AS "t11"
    GROUP BY
      1,
      2,
      3,
      4,
      5
  ) AS "t12"
  WHERE
    "t12"."rise" > 0
) AS "t14"
  ON "t3"."cluster" = "t14"."cluster"
  AND "t3"."namespace" = "t14"."namespace"
  AND "t3"."workload_kind" = "t14"."workload_kind"
  AND "t3"."workload_name" = "t14"."workload_name"
  AND "t3"."container" = "t14"."container"
