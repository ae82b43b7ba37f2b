"""Two reports held against each other."""

from typing import Any

import pytest

from helio.bench.comparison import UnreadableReport, added_p99_ms, compare, ratios


def regressions(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [change.name for change in compare(before, after) if change.regressed]


def test_the_same_report_shows_no_change(make_report: Any) -> None:
    changes = compare(make_report(), make_report())
    assert {change.worse for change in changes} == {1.0}
    assert len(changes) == len(ratios(make_report())) == 6


def test_another_machine_is_no_regression(make_report: Any) -> None:
    assert regressions(make_report(), make_report(machine_speed=0.2)) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"judge_ns": 1_001.0}, "decision to orjson.loads, 100 rules"),
        ({"speed": 4_799.0}, "requests/s to pass-through, 16 connections"),
        ({"p50_ms": 2.6}, "p50 to pass-through, 16 connections"),
        ({"cpu": 126.0}, "CPU to pass-through, 16 connections"),
    ],
)
def test_over_a_quarter_worse_is_a_regression(
    make_report: Any, change: dict[str, float], name: str
) -> None:
    assert regressions(make_report(), make_report(**change)) == [name]
    assert regressions(make_report(**change), make_report()) == []


@pytest.mark.parametrize("change", [{"judge_ns": 999.0}, {"speed": 4_801.0}, {"p50_ms": 2.49}])
def test_up_to_a_quarter_is_noise(make_report: Any, change: dict[str, float]) -> None:
    assert regressions(make_report(), make_report(**change)) == []


def test_p99_is_shown_and_not_judged(make_report: Any) -> None:
    changes = {change.name: change for change in compare(make_report(), make_report(p99_ms=50.0))}
    p99 = changes["p99 to pass-through, 16 connections"]
    assert p99.worse == pytest.approx(10.0)
    assert not p99.judged
    assert not p99.regressed


def test_figures_that_only_one_report_has_are_left_out(make_report: Any) -> None:
    names = [change.name for change in compare(make_report(cpu=None), make_report())]
    assert "CPU to pass-through, 16 connections" not in names
    assert len(names) == 5


@pytest.mark.parametrize(
    "report", [{}, [], {"evaluator": {}, "proxy": {}}, {"evaluator": None, "proxy": None}, 7]
)
def test_what_is_no_report_is_refused(report: Any) -> None:
    with pytest.raises(UnreadableReport):
        ratios(report)


def test_the_added_p99_is_that_of_16_connections(make_report: Any) -> None:
    assert added_p99_ms(make_report(p99_added_ms=3.5)) == 3.5
    empty = make_report()
    empty["proxy"]["loads"] = []
    with pytest.raises(UnreadableReport, match="16"):
        added_p99_ms(empty)
