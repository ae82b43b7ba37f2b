"""`helio replay`: recorded calls judged by another policy, and what would have changed.

Above: `helio.cli`. Below: `helio.simulation`, `helio.audit` (the calls), `candidate` (the policy).
Exit codes: 0 fine, 1 for what `--fail-on` names, 2 usage or I/O.
"""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from helio.cli.audit_reading import Notes, configured_audit, fail, parsed_filters

if TYPE_CHECKING:
    from helio.audit.export import Source
    from helio.audit.query import Filters
    from helio.cli.candidate import LoadedCandidate
    from helio.simulation.report import Report

_COMMAND = "replay"
_EARLIER = 2000
"""How many earlier calls and marks are looked at for what a test needs."""
_AGO = re.compile(r"[0-9]+(ms|s|m|h|d)\Z")


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def replay(
        *,
        policy: Annotated[
            Path | None,
            typer.Option(
                "-p",
                "--policy",
                help="The policy to try: a helio.yaml, or a graph of `helio compile -o`.",
                show_default="the configuration itself",
            ),
        ] = None,
        config: Annotated[
            Path,
            typer.Option("-c", "--config", help="The configuration that serves: its `audit.path`."),
        ] = Path("helio.yaml"),
        audit_path: Annotated[
            Path | None, typer.Option(help="The audit's directory, in place of the configured one.")
        ] = None,
        since: Annotated[
            str | None,
            typer.Option("--since", "--from", help="How long ago (7d), or ISO 8601 (UTC)."),
        ] = None,
        until: Annotated[
            str | None, typer.Option("--until", "--to", help="The same; not included.")
        ] = None,
        tool: Annotated[str | None, typer.Option(help="A part of the tool's name.")] = None,
        decision: Annotated[str | None, typer.Option(help="What was decided then.")] = None,
        reason: Annotated[str | None, typer.Option(help="Why calls were blocked then.")] = None,
        blocked: Annotated[
            bool | None, typer.Option("--blocked/--not-blocked", help="Blocked then, or not.")
        ] = None,
        session: Annotated[str | None, typer.Option(help="One session.")] = None,
        agent: Annotated[str | None, typer.Option(help="One agent.")] = None,
        upstream: Annotated[str | None, typer.Option(help="One upstream.")] = None,
        origin: Annotated[str | None, typer.Option(help="The door that calls came by.")] = None,
        dry_run: Annotated[
            bool | None, typer.Option("--dry-run/--no-dry-run", help="Dry runs only, or none.")
        ] = None,
        examples: Annotated[int, typer.Option(min=0, help="Calls to show at most.")] = 10,
        write_tests: Annotated[
            Path | None,
            typer.Option(help="Write the changed calls among the examples as policy tests."),
        ] = None,
        format_: Annotated[
            Literal["text", "json"], typer.Option("-f", "--format", help="text or json.")
        ] = "text",
        fail_on: Annotated[
            Literal["changed", "widened"] | None,
            typer.Option(help="Exit with 1 when a decision changed, or let more through."),
        ] = None,
    ) -> None:
        """Judge recorded calls by another policy: what would have changed, for whom, what money.

        Calls go through the whole pipeline in the order in which they came, with the facts of
        their time: limits, budgets and evidence count as they would have. The filters say which
        calls are reported. Nothing is called, and nothing is written.
        """
        from helio.cli.candidate import load

        filters = parsed_filters(
            _COMMAND,
            {
                "tool": tool,
                "decision": decision,
                "reason": reason,
                "blocked": blocked,
                "session": session,
                "agent": agent,
                "upstream": upstream,
                "origin": origin,
                "dry_run": dry_run,
                "from": _instant(since),
                "to": _instant(until),
            },
        )
        archive = None
        if audit_path is None:
            configured = configured_audit(_COMMAND, config, "--audit-path DIR")
            audit_path, archive = configured.path, configured.archive.path
        candidate = load(policy or config, config)
        places = (audit_path, archive)
        report = _replayed(places, candidate, filters, examples, write_tests)
        _show(report, candidate, format_)
        whole = report.whole
        counted = whole.changed if fail_on == "changed" else whole.kinds["widened"]
        if fail_on is not None and counted:
            raise typer.Exit(1)


def _instant(text: str | None) -> str | None:
    """`7d` as the instant that long ago; all else as it is."""
    if text is None or _AGO.match(text) is None:
        return text
    from helio.config.scalars import Duration, UnfitValue

    try:
        ago = Duration.parse(text)
    except UnfitValue as error:
        fail(_COMMAND, f"{text}: {error.message}")
    return (datetime.now(UTC) - timedelta(milliseconds=ago)).isoformat()


def _replayed(
    places: tuple[Path, str | None],
    candidate: "LoadedCandidate",
    filters: "Filters",
    examples: int,
    tests: Path | None,
) -> "Report":
    from helio.audit.export import all_opened
    from helio.errors import IndexUnavailable, JournalDamaged
    from helio.simulation.report import Report

    notes = Notes(_COMMAND)
    report = Report(examples)
    try:
        directory, archive = places
        with _seldom_collecting(), all_opened(directory, notes.reading, archive) as sources:
            for source in sources:
                _replay(source, candidate, filters, report, notes)
            if tests is not None:
                _write_tests(tests, sources, candidate, report, notes)
    except JournalDamaged as error:
        fail(_COMMAND, f"the journal in {directory} is damaged: {error}")
    except IndexUnavailable as error:
        fail(_COMMAND, str(error))
    except OSError as error:
        fail(_COMMAND, str(error))
    return report


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Many small values are made and soon given up, and none that refer to one another."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _replay(
    source: "Source",
    candidate: "LoadedCandidate",
    filters: "Filters",
    report: "Report",
    notes: Notes,
) -> None:
    """One Helio's calls."""
    from helio.audit.recorded import number, recorded

    replay = candidate.replay(filters.since)
    before = candidate.reaches_back_to(filters.since)
    whole_sessions = candidate.whole_sessions
    total = number(source.connection, filters)
    calls = recorded(source.connection, filters, before=before, whole_sessions=whole_sessions)
    done = 0
    for call in calls:
        judged = replay.take(call)
        if judged is None:
            notes.now_and_then("counting what came before")
            continue
        done += 1
        if call.selected:
            report.add(judged)
        if not done % 1000:
            notes.now_and_then(f"{done:,} of {total:,} calls")


def _write_tests(
    path: Path,
    sources: "list[Source]",
    candidate: "LoadedCandidate",
    report: "Report",
    notes: Notes,
) -> None:
    """The changed calls among the examples, each with what must come before it."""
    from helio.audit.recorded import before
    from helio.simulation.case_text import written
    from helio.simulation.cases import written_case

    cases, left_out = [], 0
    for judged in report.examples():
        if judged.new is None:
            continue
        found = (before(source.connection, judged.call, _EARLIER) for source in sources)
        earlier = next((each for each in found if each is not None), None) or []
        case = written_case(judged, earlier, lambda: candidate.replay(None))
        if case is None:
            left_out += 1
        else:
            cases.append(case)
    path.write_text(written(cases, candidate.digest), "utf-8")
    more = f"; {left_out} rest on more than a test can hold" if left_out else ""
    notes.say(f"{len(cases)} tests in {path}{more}")


def _show(report: "Report", candidate: "LoadedCandidate", format_: str) -> None:
    if format_ == "json":
        import sys

        import orjson

        told = {**report.as_object(), "policy": candidate.digest}
        sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    from helio.cli.replay_tables import show

    show(report, candidate.digest)
