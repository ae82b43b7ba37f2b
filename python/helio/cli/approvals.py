"""`helio approvals list|approve|deny|break-glass`: the queue from a terminal.

Above: `helio.cli`. Below: `approvals_asked`. Exit codes: 0 done, 1 the ticket is unknown or
resolved already, 2 usage, or Helio cannot be asked.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

URL_VARIABLE: Final = "HELIO_OPERATOR_URL"
SECRET_VARIABLE: Final = "HELIO_OPERATOR_SECRET"  # noqa: S105 - a name

Config = Annotated[
    Path,
    typer.Option(
        "-c", "--config", help="The configuration: it says where Helio is, and its secret."
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--url", envvar=URL_VARIABLE, help="The operator port of a Helio elsewhere."),
]
Secret = Annotated[
    str | None,
    typer.Option(
        "--secret",
        envvar=SECRET_VARIABLE,
        help="The operator's secret; better in the variable, where no list of processes shows it.",
    ),
]
Format = Annotated[Literal["text", "json"], typer.Option("-f", "--format", help="text or json.")]
TicketId = Annotated[str, typer.Argument(metavar="ID", help="The ticket's id.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who you are, for the audit; else your user's name.")
]
Status = Literal[
    "pending",
    "approved",
    "denied",
    "timeout",
    "break_glass",
    "client_disconnected",
    "shutdown_cancelled",
    "cancelled",
    "all",
]

_CONFIG = Path("helio.yaml")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    approvals = typer.Typer(
        name="approvals",
        help="The calls that wait for a person: look at them and decide.",
        no_args_is_help=True,
    )
    approvals.command("list")(list_tickets)
    approvals.command("approve")(approve)
    approvals.command("deny")(deny)
    approvals.command("break-glass")(break_glass)
    app.add_typer(approvals)


def list_tickets(
    *,
    config: Config = _CONFIG,
    url: Url = None,
    secret: Secret = None,
    status: Annotated[
        Status, typer.Option(help="Tickets of one status, or all that are remembered.")
    ] = "pending",
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Stay, and show what comes and goes.")
    ] = False,
    format_: Format = "text",
) -> None:
    """List the calls that wait for a person, the newest first.

    With `--watch` the list stays on the terminal and follows: deadlines count down, new tickets are
    marked. Into a pipe, or as JSON, it writes a line for every ticket that comes or is resolved.
    """
    from helio.cli.approvals_asked import follow, show_list
    from helio.cli.operator_port import located

    port = located(config, url, secret)
    wanted = None if status == "all" else status
    if watch:
        follow(port, wanted, as_json=format_ == "json")
    else:
        show_list(port, wanted, as_json=format_ == "json")


def approve(
    ticket_id: TicketId,
    *,
    config: Config = _CONFIG,
    url: Url = None,
    secret: Secret = None,
    by: By = None,
    format_: Format = "text",
) -> None:
    """Let the call of a ticket through, once."""
    from helio.cli.approvals_asked import resolve, who
    from helio.cli.operator_port import located

    port = located(config, url, secret)
    body = {"approved_by": who(by)}
    resolve(port, ticket_id, "approve", body, as_json=format_ == "json")


def deny(
    ticket_id: TicketId,
    *,
    config: Config = _CONFIG,
    url: Url = None,
    secret: Secret = None,
    by: By = None,
    reason: Annotated[str | None, typer.Option(help="Why; the agent is told.")] = None,
    format_: Format = "text",
) -> None:
    """Keep the call of a ticket from going through."""
    from helio.cli.approvals_asked import resolve, who
    from helio.cli.operator_port import located

    port = located(config, url, secret)
    body = {"denied_by": who(by)} | ({} if reason is None else {"reason": reason})
    resolve(port, ticket_id, "deny", body, as_json=format_ == "json")


def break_glass(
    ticket_id: TicketId,
    *,
    reason: Annotated[str, typer.Option(help="What the emergency is. It stays in the audit.")],
    config: Config = _CONFIG,
    url: Url = None,
    secret: Secret = None,
    by: By = None,
    format_: Format = "text",
) -> None:
    """Let the call of a ticket through in an emergency.

    It needs a reason and the operator's secret, and the audit marks it: `break_glass`.
    """
    from helio.cli.approvals_asked import resolve, who
    from helio.cli.operator_port import located

    port = located(config, url, secret)
    body = {"approved_by": who(by), "reason": reason}
    resolve(port, ticket_id, "break-glass", body, as_json=format_ == "json")
