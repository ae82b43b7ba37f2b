"""What `helio approvals` asks of a running Helio, and what it makes of the answers.

Above: `approvals`. Below: `operator_port`, `approvals_shown`.
"""

import getpass
import sys
from typing import Any, NoReturn
from urllib.parse import quote

import typer

from helio.cli.approvals_shown import Watch, shown
from helio.cli.operator_port import Answer, OperatorPort, PortUnreachable
from helio.cli.output import FINDINGS, console, fail
from helio.governance.lock import pretty

_PAGE = 1000
_CONFLICT = 409
_NOT_FOUND = 404


def who(by: str | None) -> str:
    """Who decides: who they say they are, or else the name of their user."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        fail("it is not known who you are", "--by NAME says it")


def show_list(port: OperatorPort, status: str | None, *, as_json: bool) -> None:
    """The tickets of a status; of all for None."""
    answer = _listed(port, status)
    if as_json:
        sys.stdout.write(pretty(answer.body) + "\n")
        return
    tickets = answer.value["data"]
    out = console()
    for ticket in tickets:
        out.print(shown(ticket))
    if (total := int(answer.value["total"])) > len(tickets):
        typer.echo(f"these are the newest {len(tickets)} of {total}", err=True)
    if not tickets:
        typer.echo("no calls wait for a person" if status == "pending" else "none", err=True)


def follow(port: OperatorPort, status: str | None, *, as_json: bool) -> None:
    """The same, until Ctrl-C. Ends the command when Helio cannot be asked at the beginning."""
    _listed(port, status)
    Watch(
        lambda: _read(port, _query(status)),
        lambda ticket_id: _read(port, _path(ticket_id)),
        as_json=as_json,
    ).run()


def resolve(
    port: OperatorPort, ticket_id: str, verb: str, body: dict[str, str], *, as_json: bool
) -> None:
    """Says something about a ticket, and shows what became of it."""
    path = _path(ticket_id)
    answer = _asked(port, "POST", f"{path}/{verb}", body)
    if answer.status != 200:
        _refused(answer)
    resolved = _asked(port, "GET", path)
    if as_json:
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
