"""`helio bench`: its options, its output and its exit codes, on reports that are given to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from helio.bench import evaluator, proxy
from helio.bench.processes import BenchFailed
from helio.cli import bench

Invoke = Callable[..., Result]


@pytest.fixture
def plans() -> list[proxy.Plan]:
    """What the command asked to be measured."""
    return []


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, make_report: Any, plans: list[proxy.Plan]) -> Invoke:
    """`invoke("--quick", speed=…)`: runs the command, which measures what `make_report` says."""
    app = typer.Typer()
    bench.register(app)

    def run(*arguments: str, **figures: float) -> Result:
        report = make_report(**figures)

        def measured(plan: proxy.Plan, progress: Callable[[str], None]) -> object:
            plans.append(plan)
            progress("a run")
            return report["proxy"]

        monkeypatch.setattr(evaluator, "measure", lambda passes, progress: report["evaluator"])
        monkeypatch.setattr(proxy, "measure", measured)
        return CliRunner().invoke(app, arguments)

    return run


def test_json_holds_what_was_measured(invoke: Invoke, make_report: Any) -> None:
    result = invoke("--format", "json")
    assert result.exit_code == 0
    report = orjson.loads(result.stdout)
    assert set(report) == {"evaluator", "proxy", "machine"}
    assert report["proxy"] == make_report()["proxy"]
    assert report["machine"]["cores"] >= 1
    assert report["machine"]["sync_ms"] >= 0


def test_text_shows_all_servers_and_policies(invoke: Invoke) -> None:
    result = invoke()
    assert result.exit_code == 0
    for shown in (
        "Helio",
        "pass-through",
        "direct",
        "6,000",
        "4,000",
        "1.50",
        "denied",
    ):
        assert shown in result.stdout


def test_unknown_figures_are_dashes(invoke: Invoke) -> None:
    line = next(line for line in invoke(cpu=None).stdout.splitlines() if line.startswith("denied"))
    assert line.split() == ["denied", "16", "9,000", "1.00", "2.00", "-"]


@pytest.mark.parametrize(
    ("option", "connections"), [("--quick", (1, 16)), (None, (1, 16)), ("--full", (1, 16, 64))]
)
def test_how_much_is_measured(
    invoke: Invoke, plans: list[proxy.Plan], option: str | None, connections: tuple[int, ...]
) -> None:
    assert invoke(*([option] if option else [])).exit_code == 0
    (plan,) = plans
    assert plan.connections == connections
    assert plan.rounds >= 3
    assert plan.every_traffic is (option == "--full")


@pytest.mark.parametrize(
    ("limit", "exit_code"), [("5ms", 0), ("4ms", 0), ("3.9ms", 1), ("3900us", 1), ("1s", 0)]
)
def test_the_budget_of_the_added_p99(invoke: Invoke, limit: str, exit_code: int) -> None:
    result = invoke("--max-p99", limit, p99_added_ms=4.0)
    assert result.exit_code == exit_code
    assert ("adds 4.00 ms" in result.stderr) is (exit_code == 1)


def test_a_regression_is_named(invoke: Invoke, make_report: Any, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_bytes(orjson.dumps(make_report()))
    assert invoke("--compare", str(earlier)).exit_code == 0
    result = invoke("--compare", str(earlier), "-f", "json", speed=3_000.0)
    assert result.exit_code == 1
    assert "requests/s to pass-through, 16 connections is worse by 2.00" in result.stderr
    changes = orjson.loads(result.stdout)["comparison"]
    assert [change["figure"] for change in changes if change["regressed"]] == [
        "requests/s to pass-through, 16 connections"
    ]
    shown = invoke("--compare", str(earlier), speed=3_000.0).stdout
    assert "regressed" in shown
    assert "not judged" in shown


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--quick", "--full"], "exclude each other"),
        (["--format", "yaml"], "there are text and json"),
        (["--max-p99", "5"], "write a number and a unit"),
        (["--max-p99", "-5ms"], "write a number and a unit"),
        (["--max-p99", "5m"], "write a number and a unit"),
        (["--compare", "absent.json"], "No such file"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_measured(
    invoke: Invoke, plans: list[proxy.Plan], arguments: list[str], why: str
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert why in result.stderr
    assert plans == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b'{"evaluator":1,"proxy":2}'])
def test_a_file_that_is_no_report(
    invoke: Invoke, plans: list[proxy.Plan], tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(content)
    result = invoke("--compare", str(file))
    assert result.exit_code == 2
    assert str(file) in result.stderr
    assert plans == []


def test_a_failed_run_is_not_a_finding(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke()

    def failing(plan: object, progress: object) -> object:
        raise BenchFailed("helio ended with 1")

    monkeypatch.setattr(proxy, "measure", failing)
    app = typer.Typer()
    bench.register(app)
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "helio ended with 1" in result.stderr
