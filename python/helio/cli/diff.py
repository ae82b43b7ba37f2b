"""`helio diff OLD NEW`: the calls that two policies decide otherwise, each region with a call.

Above: `helio.cli`. Below: `compared` (reads the two), `diff_shown`, `helio.policy.difference`. Exit
codes: 0 fine, 1 for what `--fail-on` names or a policy that is not valid, 2 usage or I/O.
"""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from helio.policy.difference import Difference, Side

Kind = Literal["widened", "narrowed", "changed"]


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def diff(
        old: Annotated[
            str,
            typer.Argument(
                metavar="OLD",
                help="The policy before: a helio.yaml, a graph of `helio compile -o`, or one of "
                "these in a git revision (`main:helio.yaml`).",
            ),
        ],
        new: Annotated[str, typer.Argument(metavar="NEW", help="The policy after, likewise.")],
        *,
        format_: Annotated[
            Literal["text", "json", "github"],
            typer.Option("-f", "--format", help="text, json, or github: annotations of NEW."),
        ] = "text",
        write_tests: Annotated[
            Path | None,
            typer.Option(help="Write the calls as policy tests of what the new policy says."),
        ] = None,
        fail_on: Annotated[
            Kind | None,
            typer.Option(
                help="Exit with 1 when calls get through more easily (widened) or less easily "
                "(narrowed), be it in part, or are decided otherwise in any way (changed); and "
                "when that could not be decided."
            ),
        ] = None,
    ) -> None:
        """Show the calls that two policies decide otherwise, each with a call that was run.

        Meaning is compared, not text: names, order and spelling that change nothing are no
        difference. Nothing is called, and no file is changed but that of `--write-tests`.
        """
        from helio.cli.compared import compared
        from helio.cli.diff_shown import as_object, show, show_annotations
        from helio.cli.interpolated import as_written
        from helio.cli.output import FINDINGS, print_json
        from helio.policy.difference import differences

        # A short process with many small lasting values, as `helio compile` is.
        gc.disable()
        sides = compared(old, new)
        differing = differences(sides[0].side, sides[1].side)
        found = as_written(differing, {**sides[0].sources, **sides[1].sources})
        failing = [] if fail_on is None else found.with_any(fail_on)
        if format_ == "json":
            print_json(as_object(found, sides))
        elif format_ == "github":
            show_annotations(found, sides, failing)
        else:
            show(found, sides)
        if write_tests is not None:
            _write_tests(write_tests, differing, sides[1].side)
        if fail_on is not None and (failing or found.undecided):
            raise typer.Exit(FINDINGS)


def _write_tests(path: Path, found: "Difference", side: "Side") -> None:
    """The calls that a test can hold; how many are left out is said."""
    from helio.cli import output
    from helio.simulation.case_text import written
    from helio.simulation.witnessed import Witnessed, witnessed_cases

    witnessed = [
        Witnessed(
            each.witness,
            frozenset({each.new.rule, *each.new.restricting}),
            f"{number}. {each.kind}: {each.region[0]}",
        )
        for number, each in enumerate(found.differing, 1)
    ]
    policy, falls_back = side.policy, side.conduct.on_unresolved == "anonymous"
    cases = witnessed_cases(witnessed, policy, session_falls_back=falls_back)
    head = (f"Calls that {policy.digest}", "decides otherwise than before. Written by helio diff.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(cases, policy.digest, head), "utf-8")
    except OSError as error:
        output.fail(f"{path}: {error.strerror or error}")
    left_out = len(witnessed) - len(cases)
    more = f"; {left_out} rest on more than a test can hold" if left_out else ""
    output.console(errors=True).print(f"{len(cases)} tests in {path}{more}")
