"""`helio diff OLD NEW`: the calls that two policies decide otherwise, each region with a call.

Above: `helio.cli`. Below: `compared` (reads the two), `diff_shown`, `helio.policy.difference`. Exit
codes: 0 fine, 1 for what `--fail-on` names or a policy that is not valid, 2 usage or I/O.
"""

import gc
from typing import Annotated, Literal

import typer

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
            Literal["text", "json"], typer.Option("-f", "--format", help="text or json.")
        ] = "text",
        fail_on: Annotated[
            Kind | None,
            typer.Option(
                help="Exit with 1 when calls get through more easily (widened), less easily "
                "(narrowed), or are decided otherwise in any way (changed); and when that could "
                "not be decided."
            ),
        ] = None,
    ) -> None:
        """Show the calls that two policies decide otherwise, each with a call that was run.

        Meaning is compared, not text: names, order and spelling that change nothing are no
        difference. Nothing is called, and nothing is written.
        """
        from helio.cli.compared import compared
        from helio.cli.diff_shown import as_object, show
        from helio.cli.interpolated import as_written
        from helio.cli.output import FINDINGS, print_json
        from helio.policy.difference import differences

        # A short process with many small lasting values, as `helio compile` is.
        gc.disable()
        sides = compared(old, new)
        hidden = {**sides[0].sources, **sides[1].sources}
        found = as_written(differences(sides[0].side, sides[1].side), hidden)
        if format_ == "json":
            print_json(as_object(found, sides))
        else:
            show(found, sides)
        counted = found.differing if fail_on == "changed" else found.of(fail_on or "changed")
        if fail_on is not None and (counted or found.undecided):
            raise typer.Exit(FINDINGS)
