"""`helio demo`: a self-contained tour, with nothing to set up.

Above it: `helio.cli`. Below it: `helio.demo.tour`, imported when the command runs.
"""

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        envvar="HELIO_DEMO_PORT",
        min=0,
        max=65535,
        show_default="3000, or a free one",
        help="Port that agents connect to.",
    ),
]
OperatorPort = Annotated[
    int | None,
    typer.Option(
        "--operator-port",
        envvar="HELIO_DEMO_OPERATOR_PORT",
        min=0,
        max=65535,
        show_default="3100, or a free one",
        help="Port of the operator API; 0 takes a free one.",
    ),
]
SdkPort = Annotated[
    int | None,
    typer.Option(
        "--sdk-port",
        envvar="HELIO_DEMO_SDK_PORT",
        min=0,
        max=65535,
        show_default="3200, or a free one",
        help="Port of the SDK; 0 takes a free one.",
    ),
]
Once = Annotated[bool, typer.Option("--once", help="End after the agent's script.")]
Keep = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        file_okay=False,
        show_default="a temporary one, removed at the end",
        help="New directory for the policy, the audit and the logs; it stays.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    once: Once = False,
    port: Port = None,
    operator_port: OperatorPort = None,
    sdk_port: SdkPort = None,
    keep: Keep = None,
) -> None:
    """A tour: demo tools, Helio before them, and a scripted agent whose calls are decided.

    Helio serves on until Ctrl-C. Exits 1 when a call was not decided as the script expects.
    """
    import asyncio

    from rich.console import Console

    from helio.demo.tour import Options, run

    options = Options(
        once=once, port=port, operator_port=operator_port, sdk_port=sdk_port, keep=keep
    )
    raise typer.Exit(asyncio.run(run(options, Console(highlight=False))))
