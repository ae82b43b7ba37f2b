"""`helio explain`: why one call is decided so.

Above: `helio.cli`. Below: `helio.pipeline.explaining`, `candidate` (the policy), `explain_shown`.
Exit codes: 0 whatever the decision is, 1 for an invalid configuration, 2 usage or I/O.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from helio.diagnostics import SourceText
    from helio.pipeline.explaining import Explanation, StatedCall

_MAXIMUM_BYTES = 16 * 1024 * 1024


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("explain")(explain_command)


def explain_command(
    call: Annotated[
        Path,
        typer.Argument(
            metavar="CALL.json",
            help='`{"tool": …, "arguments": {…}}`, or a whole `tools/call` message; `-` is stdin.',
        ),
    ],
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration.")] = Path(
        "helio.yaml"
    ),
    format_: Annotated[
        Literal["text", "json"], typer.Option("-f", "--format", help="text or json.")
    ] = "text",
) -> None:
    """Say why one call is decided so: every rule that was considered, and what it found.

    Beside `tool` and `arguments` the call may state `upstream`, `agent`, `session` (an id, or
    `{id, labels, called, evidence}`), `annotations`, `metadata`, `sender_id` and `environment`,
    and `record_kind: install_scan` where an agent asks to install something. What is not stated
    is unknown. Nothing is called.
    """
    from helio.cli import output as out

    stated = _read(call)
    explanation, source = _explained(config, stated)
    if format_ == "json":
        out.print_json({**explanation.as_object(), "file": str(config)})
        return
    from helio.cli.explain_shown import show

    show(explanation, source)


def _read(path: Path) -> "StatedCall":
    from helio.cli import output as out
    from helio.pipeline.explaining import UnfitCall, stated_call

    try:
        if str(path) == "-":
            text = sys.stdin.buffer.read(_MAXIMUM_BYTES + 1)
        else:
            with path.open("rb") as file:
                text = file.read(_MAXIMUM_BYTES + 1)
    except OSError as error:
        out.fail(f"{path}: {error.strerror or error}", "CALL.json holds the call; `-` reads stdin")
    if len(text) > _MAXIMUM_BYTES:
        out.fail(f"{path}: more than {_MAXIMUM_BYTES:,} bytes")
    try:
        return stated_call(text)
    except UnfitCall as error:
        out.fail(f"{path}: {error}")


def _explained(path: Path, call: "StatedCall") -> "tuple[Explanation, SourceText]":
    """The explanation by the configuration at `path`, with its text for excerpts."""
    from helio.cli import output as out
    from helio.cli.candidate import compiled_in, compiled_or_ended, loaded_for_trying
    from helio.pipeline.explaining import Explainer
    from helio.upstream.registry import DEFAULT_NAME

    try:
        loaded = loaded_for_trying(path)
        policy = compiled_or_ended(loaded)
        if call.environment is not None:
            policy = compiled_in(path, call.environment)
    except OSError as error:
        out.unreadable(path, error)
    upstream = DEFAULT_NAME
    if loaded.config is not None:
        session = loaded.config.session
        call = replace(call, session_falls_back=session.on_unresolved == "anonymous")
        if loaded.config.upstreams:
            names = [str(each.name) for each in loaded.config.upstreams]
            upstream = names[0]
            call = _addressed(call, names, aggregate=loaded.config.aggregate)
    return Explainer(policy, upstream).explain(call), loaded.source


def _addressed(call: "StatedCall", upstreams: list[str], *, aggregate: bool) -> "StatedCall":
    """The call as rules see it: under `aggregate` agents' names of tools hold their upstreams. What
    no upstream gets is said on stderr."""
    from helio.cli import output as out
    from helio.policy.mistaken import told_of_address
    from helio.upstream.aggregate.names import Names

    found = Names(upstreams).split(call.tool) if aggregate and call.upstream is None else None
    if found is not None:
        upstream, own = found
        out.console(errors=True).print(f"note: this is `{own}` of the upstream `{upstream}`")
        return call.sent_to(upstream, own)
    told = None if call.is_scan else told_of_address(call.tool, call.upstream, upstreams)
    if told is not None:
        out.console(errors=True).print(f"note: {told[0]}: {told[1]}")
    return call
