"""The arithmetic of measurements."""

import pytest

from helio.bench.figures import Latency, Load, Run, added, percentile, summary


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (1, 0.5, 1),
        (1, 0.99, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (4, 0.01, 1),
        (7, 1.0, 7),
        (100, 0.99, 99),
        (101, 0.99, 100),
        (1_000, 0.99, 990),
    ],
)
def test_nearest_rank(count: int, share: float, expected: int) -> None:
    assert percentile(range(1, count + 1), share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1], 0.0), ([1], 1.5), ([1], -0.1)])
def test_what_has_no_percentile(values: list[int], share: float) -> None:
    with pytest.raises(ValueError, match=r"percentile|share"):
        percentile(values, share)


def test_latencies_are_sorted_and_in_milliseconds() -> None:
    latency = Latency.of([3_000_000, 1_000_000, 2_000_000])
    assert latency == Latency(p50_ms=2.0, p99_ms=3.0)


def run(speed: float, p50: float, p99: float, cpu: float | None = None) -> Run:
    return Run(speed, Latency(p50, p99), cpu)


def test_the_median_of_each_figure_counts() -> None:
    runs = [run(10, 1.0, 9.0, 100), run(30, 3.0, 7.0, 300), run(20, 2.0, 8.0, 200)]
    assert summary(runs) == {
        "requests_per_second": 20,
        "p50_ms": 2.0,
        "p99_ms": 8.0,
        "cpu_us_per_call": 200,
    }


def test_processor_time_may_be_unknown() -> None:
    assert summary([run(10, 1.0, 1.0)])["cpu_us_per_call"] is None


def test_what_is_added_is_taken_within_each_round() -> None:
    direct = [run(1, 1.0, 2.0), run(1, 10.0, 20.0), run(1, 1.0, 2.0)]
    through = [run(1, 1.5, 4.0), run(1, 10.25, 21.0), run(1, 2.0, 5.0)]
    assert added(through, direct) == {"p50_added_ms": 0.5, "p99_added_ms": 2.0}


def test_rounds_of_unequal_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        added([run(1, 1, 1)], [])


def test_a_load_sets_each_server_beside_the_yardsticks() -> None:
    report = Load(
        16,
        {
            "direct": [run(100, 1.0, 2.0)],
            "passthrough": [run(20, 3.0, 5.0, 200)],
            "helio": [run(30, 2.0, 4.0, 100)],
        },
    ).report()
    assert report == {
        "connections": 16,
        "direct": {
            "requests_per_second": 100,
            "p50_ms": 1.0,
            "p99_ms": 2.0,
            "cpu_us_per_call": None,
        },
        "passthrough": {
            "requests_per_second": 20,
            "p50_ms": 3.0,
            "p99_ms": 5.0,
            "cpu_us_per_call": 200,
            "p50_added_ms": 2.0,
            "p99_added_ms": 3.0,
        },
        "helio": {
            "requests_per_second": 30,
            "p50_ms": 2.0,
            "p99_ms": 4.0,
            "cpu_us_per_call": 100,
            "p50_added_ms": 1.0,
            "p99_added_ms": 2.0,
            "ratio_to_passthrough": 1.5,
        },
    }
