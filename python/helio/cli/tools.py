"""`helio tools pull|diff|approve`: the accepted tool definitions as a file.

Above: `helio.cli`. Below: `helio.cli.tool_listing`. Exit codes: 0 as accepted, 1 findings (drift,
or a definition that cannot be accepted), 2 usage or I/O. The journal is not changed, so these run
beside a serving Helio, which takes the file when it is saved.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from helio.cli.tool_listing import Difference, Listing
    from helio.config.sections import HelioConfig
    from helio.governance.catalogue import Pins
    from helio.governance.lock import Locked, ToolLock

Format = Literal["text", "json"]

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration.")]
Upstreams = Annotated[
    list[str] | None,
    typer.Option("--upstream", help="Only this upstream; may be given several times."),
]
Output = Annotated[Format, typer.Option("-f", "--format", help="text or json.")]

_DEFAULT = Path("helio.yaml")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    tools = typer.Typer(
        name="tools",
        help="Accept tool definitions, and see where upstreams depart from them.",
        no_args_is_help=True,
    )
    tools.command("pull")(pull)
    tools.command("diff")(diff)
    tools.command("approve")(approve)
    app.add_typer(tools)


def pull(
    config: Config = _DEFAULT,
    upstream: Upstreams = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept all drift; drop upstreams that are gone.")
    ] = False,
    format_: Output = "text",
) -> None:
    """Write the upstreams' tool definitions into helio.tools.lock.

    Upstreams that the lock holds already are compared, and not taken when they drift.
    """
    loaded, path = _load(config)
    lock = None if force and not upstream else _lock(path)
    listings = _fetch(loaded, upstream)
    base = _empty() if lock is None else lock
    drift = [] if force else _differences((each for each in listings if _held(each, base)), base)
    if drift:
        _tell(path, format_, drift=drift, written=False)
        if format_ == "text":
            _say("nothing is written: `helio tools approve` accepts, `pull --force` takes all")
        raise typer.Exit(1)
    merged, refused = base, []
    for listing in listings:
        if force or not _held(listing, base):
            taken, left = _acceptable(listing, listing.definitions)
            merged = merged.with_upstream(listing.upstream, taken)
            refused += left
    _finish(path, lock, merged, refused, format_)


def diff(config: Config = _DEFAULT, upstream: Upstreams = None, format_: Output = "text") -> None:
    """Show where the upstreams depart from helio.tools.lock; exit code 1 when they do.

    Without a lock: from what Helio saw first, which its audit keeps.
    """
    loaded, path = _load(config)
    lock = _lock(path)
    if lock is None:
        place = loaded.audit.path
        pins = _pinned(place)
        if not pins:
            text = f"{path} is not there, and {place} holds no tools that Helio saw"
            _fail(text, "`helio tools pull` writes it")
        found = _differences_since(_fetch(loaded, upstream), pins)
        _tell(place, format_, drift=found, held_by="audit")
    else:
        found = _differences(_fetch(loaded, upstream), lock)
        _tell(path, format_, drift=found)
    if found:
        raise typer.Exit(1)


def approve(
    tools: Annotated[list[str] | None, typer.Argument(help="The tools to accept.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Accept all that drifted.")] = False,
    config: Config = _DEFAULT,
    upstream: Upstreams = None,
    format_: Output = "text",
) -> None:
    """Accept definitions as the upstreams list them now, into helio.tools.lock.

    Without a lock --all writes a first one.
    """
    if bool(tools) == every:
        _fail("name the tools to accept, or --all")
    loaded, path = _load(config)
    lock = _lock(path)
    listings = _fetch(loaded, upstream)
    wanted = set(tools or ())
    if wanted:
        listings = _with_lock(listings, lock, path)
    base = _empty() if lock is None else lock
    merged, refused = base, []
    for listing in listings:
        drifted = {each.tool for each in listing.drifts(base)}
        names = drifted if every else drifted & wanted
        held = dict(base.upstreams.get(listing.upstream, {}))
        wanted -= held.keys() | listing.definitions.keys()
        taken, left = _acceptable(listing, names & listing.definitions.keys())
        refused += left
        kept = {name: each for name, each in held.items() if name not in names or name in left}
        merged = merged.with_upstream(listing.upstream, {**kept, **taken})
    if wanted:
        _fail(f"no upstream lists {', '.join(sorted(wanted))}, nor does the lock hold it")
    _finish(path, lock, merged, refused, format_)


def _with_lock(
    listings: "Sequence[Listing]", lock: "ToolLock | None", path: Path
) -> "list[Listing]":
    """Those that the lock holds: a first lock with only some tools would hold back all others."""
    held = [] if lock is None else [each for each in listings if _held(each, lock)]
    if not held:
        _fail(
            f"{path} holds no tools of {', '.join(each.upstream for each in listings)}",
            "`helio tools pull` accepts all that are listed now",
        )
    return held


def _held(listing: "Listing", lock: "ToolLock") -> bool:
    return listing.upstream in lock.upstreams


def _acceptable(listing: "Listing", names: Iterable[str]) -> "tuple[dict[str, Locked], list[str]]":
    """What a lock can hold of these tools, and the names of the others."""
    found = {name: listing.acceptable(name) for name in sorted(names)}
    taken = {name: each for name, each in found.items() if each is not None}
    return taken, [name for name, each in found.items() if each is None]


def _finish(
    path: Path,
    before: "ToolLock | None",
    after: "ToolLock",
    refused: Sequence[str],
    format_: Format,
) -> None:
    """Writes the lock if it is another than before, and says what it holds now."""
    from helio.cli import output
    from helio.cli.tool_listing import write_lock

    changed = before is None or after != before
    if changed:
        try:
            write_lock(path, after)
        except OSError as error:
            _fail(f"{path}: {error.strerror or error}")
    counts = {name: len(tools) for name, tools in sorted(after.upstreams.items())}
    if format_ == "json":
        output.print_json(
            {"lock": str(path), "written": changed, "tools": counts, "refused": list(refused)}
        )
    else:
        told = ", ".join(f"{count} of {name}" for name, count in counts.items()) or "none"
        _say(f"{path}: {'written' if changed else 'up to date'}, accepted tools: {told}")
        for name in refused:
            _say(f"{name!r} cannot be accepted: it is listed twice, or is not strict JSON")
    if refused:
        raise typer.Exit(1)


def _tell(
    path: Path,
    format_: Format,
    *,
    drift: "Sequence[Difference]",
    written: bool | None = None,
    held_by: Literal["lock", "audit"] = "lock",
) -> None:
    from helio.cli import output

    if format_ == "json":
        told = {} if written is None else {"written": written}
        output.print_json(
            {held_by: str(path), **told, "drift": [each.as_object() for each in drift]}
        )
        return
    if not drift:
        _say(f"{path}: every tool is as accepted")
    out = output.console()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for each in drift:
        aspects = ", ".join(each.drift.aspects)
        out.print(f"{each.upstream}/{_name(each.tool)}: {aspects}", style="bold")
        for line in each.diff:
            out.print(f"  {line}", style=styles.get(line[:1], ""))
        out.print()


def _name(tool: str) -> str:
    from helio.governance.lock import visible

    return visible(tool).replace("\n", "\\n")


def _differences(listings: "Iterable[Listing]", lock: "ToolLock") -> "list[Difference]":
    from helio.cli.tool_listing import differences

    return [each for listing in listings for each in differences(listing, lock)]


def _differences_since(
    listings: "Iterable[Listing]", pins: "Mapping[str, Pins]"
) -> "list[Difference]":
    from helio.cli.tool_listing import differences_since

    return [
        each
        for listing in listings
        for each in differences_since(listing, pins.get(listing.upstream, {}))
    ]


def _pinned(directory: Path) -> "Mapping[str, Pins]":
    from helio.cli.tool_listing import pinned
    from helio.errors import JournalDamaged

    try:
        return pinned(directory)
    except FileNotFoundError:
        return {}
    except OSError as error:
        _fail(f"{directory}: {error.strerror or error}")
    except JournalDamaged as error:
        _fail(f"the journal in {directory} is damaged: {error}")


def _empty() -> "ToolLock":
    from helio.governance.lock import ToolLock

    return ToolLock()


def _load(config: Path) -> "tuple[HelioConfig, Path]":
    """The configuration, and where its lock is."""
    from helio.cli import output
    from helio.config import load_config
    from helio.governance import LOCK_NAME

    try:
        loaded = load_config(config, environment=os.environ, purpose="run")
    except OSError as error:
        output.unreadable(config, error)
    if loaded.config is None:
        output.show(loaded.diagnostics, loaded.source, errors=True)
        raise typer.Exit(output.FINDINGS)
    return loaded.config, config.with_name(LOCK_NAME)


def _lock(path: Path) -> "ToolLock | None":
    from helio.cli.tool_listing import read_lock
    from helio.governance.lock import LockError

    try:
        return read_lock(path)
    except LockError as error:
        _fail(
            f"{path}: {error}", "restore the file, or write a new one: `helio tools pull --force`"
        )
    except OSError as error:
        _fail(f"{path}: {error.strerror or error}")


def _fetch(config: "HelioConfig", only: Sequence[str] | None) -> "list[Listing]":
    from helio.cli.tool_listing import fetch
    from helio.errors import HelioError

    try:
        return fetch(config, only or ())
    except HelioError as error:
        _fail(str(error))


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _fail(message: str, hint: str | None = None) -> NoReturn:
    from helio.cli import output

    output.fail(message, hint)
