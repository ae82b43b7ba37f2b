"""`helio test`: runs policy tests on a clock that is set, with coverage and mutants.

Above: `helio.cli`. Below: `testing_subject`, `testing_shown`, `helio.simulation.testing`. Exit
codes: 0 fine, 1 for a failed test, too little coverage, an unnoticed mutant or an invalid file, 2
usage or I/O.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from helio.simulation.testing.told import Outcome

Format = Literal["text", "json", "tap"]
_DEBOUNCE_MILLISECONDS = 200


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command("test")
    def test(
        *,
        paths: Annotated[
            list[Path] | None,
            typer.Argument(
                help="Test files, or directories of them.",
                show_default="policy_tests beside the configuration",
            ),
        ] = None,
        config: Annotated[
            Path, typer.Option("-c", "--config", help="The configuration whose policy is tested.")
        ] = Path("helio.yaml"),
        format_: Annotated[
            Format, typer.Option("-f", "--format", help="text, json or tap.")
        ] = "text",
        junit: Annotated[
            Path | None, typer.Option(help="Also write the results as JUnit XML.")
        ] = None,
        min_coverage: Annotated[
            float | None,
            typer.Option(min=0, max=100, help="Exit with 1 below this percentage of coverage."),
        ] = None,
        filter_: Annotated[
            str | None,
            typer.Option("-k", "--filter", help="Only cases whose file or name holds this text."),
        ] = None,
        watch: Annotated[
            bool, typer.Option("--watch", help="Run again whenever a file changes, until Ctrl-C.")
        ] = False,
        mutate: Annotated[
            bool,
            typer.Option("--mutate", help="Weaken each rule in turn and say what no test notices."),
        ] = False,
    ) -> None:
        """Run policy tests: calls in sequence, and what the policy must say of each.

        The steps of a case share one clock and one state, so that windows, budgets, evidence and
        approvals count. Nothing is called and no time passes. docs/policy-tests.md has the form.
        """
        asked = _Asked(
            tuple(paths or ()),
            config,
            format_=format_,
            junit=junit,
            min_coverage=min_coverage,
            filter_=filter_,
            mutate=mutate,
        )
        if watch:
            asked.watch()
        raise typer.Exit(asked.run())


@dataclass(frozen=True)
class _Asked:
    """One invocation, as its options say."""

    paths: tuple[Path, ...]
    config: Path
    format_: Format
    junit: Path | None
    min_coverage: float | None
    filter_: str | None
    mutate: bool

    def watch(self) -> None:
        """Runs now, and whenever a file beside the configuration or at the paths changed."""
        from watchfiles import watch

        watched = {self.config.absolute().parent}
        for path in map(Path.absolute, self.paths):
            watched.add(path if path.is_dir() else path.parent)
        self._run_again()
        for _ in watch(
            *watched,
            watch_filter=lambda _change, path: path.endswith((".yaml", ".yml")),
            debounce=_DEBOUNCE_MILLISECONDS,
            raise_interrupt=False,
        ):
            self._run_again()
        raise typer.Exit

    def _run_again(self) -> None:
        """A run whose end is not the command's."""
        from helio.cli.output import console

        try:
            code = self.run()
        except typer.Exit as ended:
            code = ended.exit_code
        console(errors=True).print(f"exit code {code}; watching, Ctrl-C ends")

    def run(self) -> int:
        """Runs everything once and shows it; the exit code."""
        from helio.cli import output, testing_shown
        from helio.cli.testing_subject import found_files, load_subject, load_suite
        from helio.simulation.testing.coverage import Coverage
        from helio.simulation.testing.mutants import mutants, survivors
        from helio.simulation.testing.running import run
        from helio.simulation.testing.told import Outcome

        began = time.perf_counter()
        subject = load_subject(self.config)
        suite = load_suite(found_files(self.paths, self.config), subject.surroundings.upstreams)
        for finding, source in suite.findings:
            output.show([finding], source, errors=self.format_ != "text")
        if suite.is_faulty:
            return output.FINDINGS
        cases = [each for each in suite.cases if self._selects(f"{each.file}::{each.name}")]
        if not suite.cases:
            output.fail("the test files hold no cases", "write some: docs/policy-tests.md")
        if not cases:
            output.fail(f"no case holds `{self.filter_}` in its file's name or its own")
        coverage = Coverage(subject.known(subject.surroundings.environment))
        results = [run(case, subject, coverage) for case in cases]
        outcome = Outcome(results, coverage)
        if self.mutate and outcome.failed:
            output.console(errors=True).print("mutants are tried when every case passes")
        elif self.mutate:
            tried = list(mutants(subject.policy))
            progress = _Progress(len(tried))
            found = survivors(subject, cases, tried, progress.tell)
            outcome = Outcome(results, coverage, len(tried), found)
        self._write_junit(outcome)
        if self.format_ == "text":
            testing_shown.show(outcome, str(self.config), time.perf_counter() - began)
        else:
            self._print(outcome)
        return self._verdict(outcome)

    def _selects(self, name: str) -> bool:
        return self.filter_ is None or self.filter_.casefold() in name.casefold()

    def _verdict(self, outcome: "Outcome") -> int:
        """The exit code, and on stderr what makes it."""
        from helio.cli import output

        percent, wanted = outcome.coverage.percent, self.min_coverage
        low = wanted is not None and percent < wanted
        if low:
            message = f"coverage {percent:g}% is below {wanted:g}% (--min-coverage)"
            output.console(errors=True).print(message)
        failed = bool(outcome.failed or outcome.survivors)
        return output.FINDINGS if failed or low else 0

    def _write_junit(self, outcome: "Outcome") -> None:
        from helio.cli import output
        from helio.simulation.testing.told import junit

        if self.junit is None:
            return
        try:
            self.junit.write_text(junit(outcome), "utf-8")
        except OSError as error:
            output.fail(f"{self.junit}: {error.strerror or error}")

    def _print(self, outcome: "Outcome") -> None:
        from helio.cli import output
        from helio.simulation.testing.told import tap

        if self.format_ == "json":
            output.print_json(outcome.as_object())
        else:
            sys.stdout.write(tap(outcome))


class _Progress:
    """Says now and then, to a terminal, how many mutants were tried."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._told = time.monotonic()

    def tell(self, done: int) -> None:
        """So many were tried."""
        from helio.cli.output import console

        now = time.monotonic()
        if now - self._told >= 2:
            self._told = now
            console(errors=True).print(f"{done} of {self._total} mutants")
