"""What `helio connect` tells: the difference, what became of each server, and what to do next.

Above: `connect`. Below: `connecting`, `helio.client_files`.
"""

import difflib

import yaml

from helio.cli import output as out
from helio.cli.connecting import Planned
from helio.client_files import Server, State, upstream_name

_SAID = {
    State.CONNECTED: "through Helio",
    State.ALREADY: "through Helio already",
    State.LEFT: "left as it is",
    State.RESTORED: "as it was before",
}


def as_json(planned: Planned, *, written: bool) -> None:
    """The result as an object on stdout."""
    wanted = _wanted(planned.left)
    out.print_json(
        {
            "client": planned.client.name,
            "file": str(planned.path),
            "copy": None if planned.original is None else str(planned.copy),
            "changed": planned.before != planned.after,
            "written": written and planned.before != planned.after,
            "servers": [
                {"name": each.name, "in": each.place, "state": each.state, "reason": each.reason}
                for each in planned.servers
            ],
            "upstreams_to_add": wanted,
        }
    )


def as_text(planned: Planned, *, dry_run: bool, quiet: bool) -> None:
    """The result for people; `quiet` keeps stdout for the file itself."""
    to = out.console(errors=quiet)
    changed = planned.before != planned.after
    if dry_run:
        to.print(_difference(planned), end="")
    for each in planned.servers:
        reason = "" if each.reason is None else f": {each.reason}"
        to.print(f"{each.place}.{each.name}: {_SAID[each.state]}{reason}")
    if wanted := _wanted(planned.left):
        to.print("\nTo take these over too, add to the configuration, where a server of `upstream`")
        to.print("moves to `upstreams` as well, and connect again:\n")
        to.print(yaml.safe_dump({"upstreams": wanted}, sort_keys=False, width=100), end="")
    if not changed:
        to.print(f"Nothing to change in {planned.path}.")
    elif not (dry_run or quiet):
        _tell_written(planned)


def _tell_written(planned: Planned) -> None:
    to = out.console()
    to.print(f"\nWrote {planned.path}.", end="")
    if planned.original is None:
        to.print("")
    else:
        undo = "`helio connect --undo` leads the servers back"
        to.print(f" As it was before: {planned.copy}; {undo}.")
    to.print(f"Start {planned.client.title} again for this to take effect.")


def _difference(planned: Planned) -> str:
    lines = difflib.unified_diff(
        planned.before.splitlines(),
        planned.after.splitlines(),
        str(planned.path),
        str(planned.path),
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


def _wanted(servers: list[Server]) -> list[dict[str, object]]:
    """The upstreams that the configuration lacks. Values of headers, which may be secrets, are left
    to variables.
    """
    return [_upstream(each) for each in servers if each.url is not None]


def _upstream(server: Server) -> dict[str, object]:
    name = upstream_name(server.name)
    upstream: dict[str, object] = {"name": name, "url": server.url}
    if server.transport == "sse":
        upstream["transport"] = "sse"
    headers = [header.lower() for header in server.headers if header.lower() != "authorization"]
    if passed := [header for header in headers if header.startswith("x-")]:
        upstream["forward_headers"] = passed
    if own := [header for header in headers if not header.startswith("x-")]:
        upstream["headers"] = {header: f"${{{_variable(name, header)}}}" for header in own}
    return upstream


def _variable(name: str, header: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in f"{name}_{header}").upper()
