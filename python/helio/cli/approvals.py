"""`helio approvals list|approve|deny|break-glass`: the queue from a terminal.

Above: `helio.cli`. Below: `operator_port`, `approvals_shown`. Exit codes: 0 done, 1 the ticket is
unknown or resolved already, 2 usage, or Helio cannot be asked.
"""

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import quote

import typer

from helio.cli.operator_port import (
    Answer,
    Config,
    OperatorPort,
    PortUnreachable,
    Secret,
    Url,
    located,
)
from helio.cli.output import FINDINGS, console, fail

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
_PAGE = 1000
_CONFLICT = 409
_NOT_FOUND = 404


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
    from helio.cli.approvals_shown import Watch, shown
    from helio.governance.lock import pretty

    port = located(config, url, secret)
    wanted = None if status == "all" else status
    answer = _listed(port, wanted)
    if watch:
        Watch(
            lambda: _read(port, _query(wanted)),
            lambda ticket_id: _read(port, _path(ticket_id)),
            as_json=format_ == "json",
        ).run()
        return
    if format_ == "json":
        sys.stdout.write(pretty(answer.body) + "\n")
        return
    tickets = answer.value["data"]
    out = console()
    for ticket in tickets:
        out.print(shown(ticket))
    if not tickets:
        typer.echo("no calls wait for a person" if wanted == "pending" else "none", err=True)


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
    port = located(config, url, secret)
    _resolve(port, ticket_id, "approve", {"approved_by": _who(by)}, format_)


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
    port = located(config, url, secret)
    body = {"denied_by": _who(by)} | ({} if reason is None else {"reason": reason})
    _resolve(port, ticket_id, "deny", body, format_)


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
    port = located(config, url, secret)
    body = {"approved_by": _who(by), "reason": reason}
    _resolve(port, ticket_id, "break-glass", body, format_)


def _who(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        fail("it is not known who you are", "--by NAME says it")


def _resolve(
    port: OperatorPort, ticket_id: str, verb: str, body: dict[str, str], format_: str
) -> None:
    from helio.cli.approvals_shown import shown
    from helio.governance.lock import pretty

    path = _path(ticket_id)
    answer = _asked(port, "POST", f"{path}/{verb}", body)
    if answer.status != 200:
        _refused(answer)
    resolved = _asked(port, "GET", path)
    if format_ == "json":
        sys.stdout.write(pretty(resolved.body) + "\n")
    else:
        console().print(shown(resolved.value["data"]))


def _read(port: OperatorPort, path: str) -> Any:
    """What is there: a ticket, or tickets; None for nothing. Raises `PortUnreachable`."""
    answer = port.ask("GET", path)
    if answer.status == _NOT_FOUND:
        return None
    if answer.status != 200:
        raise PortUnreachable(answer.error, "it is asked again")
    return answer.value["data"]


def _listed(port: OperatorPort, status: str | None) -> Answer:
    answer = _asked(port, "GET", _query(status))
    if answer.status != 200:
        _refused(answer)
    return answer


def _path(ticket_id: str) -> str:
    return f"/api/approvals/{quote(ticket_id, safe='')}"


def _query(status: str | None) -> str:
    query = f"limit={_PAGE}" + ("" if status is None else f"&status={status}")
    return f"/api/approvals?{query}"


def _asked(port: OperatorPort, method: str, path: str, body: object = None) -> Answer:
    try:
        return port.ask(method, path, body)
    except PortUnreachable as error:
        fail(str(error), error.hint)


def _refused(answer: Answer) -> NoReturn:
    """Ends the command over an answer that is none: 1 for what became of the ticket, else 2."""
    if answer.status in (_NOT_FOUND, _CONFLICT):
        typer.echo(f"helio approvals: {answer.error}", err=True)
        raise typer.Exit(FINDINGS)
    fail(answer.error)
