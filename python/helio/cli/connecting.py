"""What `helio connect` does: a client's file is found and read, its new text made, and written.

Above: `connect`. Below: `helio.client_files`, `helio.policy`. Nothing is written before everything
is known; the copy of the file as it was comes first, and the new file as a whole or not at all.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from helio.cli import output as out
from helio.cli.replacing import replace_file
from helio.client_files import (
    CLIENTS,
    Client,
    Door,
    NotReadable,
    Reached,
    Server,
    State,
    connected,
    disconnected,
)
from helio.config.sections import HelioConfig, UpstreamConfig

COPY: Final = ".before-helio"
"""Ends the name of the copy of a file as it was before."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A client's file `before` and `after`, and what becomes of each server. `original` is the file
    without Helio: what the copy holds, None when there shall be none any more.
    """

    client: Client
    path: Path
    before: str
    after: str
    original: str | None
    servers: list[Server]

    @property
    def copy(self) -> Path:
        """Where the copy lies."""
        return copy_of(self.path)

    @property
    def left(self) -> list[Server]:
        """The servers that Helio does not govern."""
        return [server for server in self.servers if server.state is State.LEFT]


def copy_of(path: Path) -> Path:
    """Where the copy of a file lies."""
    target = path.resolve()
    return target.with_name(target.name + COPY)


def place_of(name: str, file: Path | None, project: Path | None) -> Path:
    """The client's file that is meant. Ends the command when there is no such file."""
    client = CLIENTS[name]
    path = file
    if project is not None:
        path = client.project_file(project)
        if path is None:
            out.fail(f"{client.title} has no files of projects", "leave --project away")
    elif path is None:
        path = client.user_file(Path.home(), os.environ, sys.platform)
    if not path.is_file():
        hint = "--file names another" + ("" if client.project is None else ", --project DIR one of")
        hint += "" if client.project is None else " a project's own"
        out.fail(f"{client.title} has no file {path}", hint)
    return path


def door(config: Path, program: str | None) -> Door:
    """Helio as the configuration serves it. Ends the command over a faulty configuration."""
    from helio.config import load_config
    from helio.policy.compiler import compile_loaded

    try:
        loaded = load_config(
            config, environment=os.environ, purpose="compile", needs_upstream=False
        )
    except OSError as error:
        out.unreadable(config, error)
    compiled = compile_loaded(loaded)
    if compiled.policy is None or compiled.config is None:
        out.show(compiled.diagnostics, compiled.source, errors=True)
        out.fail(f"{config} has faults, and no server would start with it")
    if compiled.policy.asks_people:
        out.console(errors=True).print(
            "note: rules ask people, and nobody can answer what a command's `helio stdio` asks "
            "without `--operator`: such calls are blocked (docs/stdio.md)"
        )
    command = (*_program(program), "stdio", "-c", str(config.resolve()))
    closed = None
    if compiled.config.auth.mode != "none":
        closed = "clients need a token of Helio's (`auth`): give it Helio's URL and one by hand"
    return Door(command, _reached(compiled.config), closed)


def _program(program: str | None) -> tuple[str, ...]:
    """What starts Helio from anywhere: clients often have another PATH than terminals."""
    if program is not None:
        return (program,)
    script = Path(sys.executable).with_name("helio.exe" if os.name == "nt" else "helio")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "helio")


def _reached(config: HelioConfig) -> Mapping[str, Reached]:
    listen = config.listen
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    base = (listen.public_url or f"http://{host}:{listen.port}").rstrip("/")
    found: dict[str, Reached] = {}
    if config.upstream is not None:
        _add(found, config.upstream, base, "")
    for each in config.upstreams:
        _add(found, each, base, f"/{each.name}")
    return found


def _add(found: dict[str, Reached], upstream: UpstreamConfig, base: str, end: str) -> None:
    if upstream.url is not None:
        passed = {"authorization", *upstream.forward_headers, *upstream.headers}
        found[upstream.url] = Reached(f"{base}/mcp{end}", f"{base}/sse{end}", frozenset(passed))


def connecting(name: str, path: Path, helio: Door) -> Planned:
    """The servers led through Helio. Ends the command over a file that cannot be read."""
    client, before = CLIENTS[name], _read(path)
    copy = copy_of(path)
    try:
        original = before
        if copy.is_file():
            original, _ = disconnected(before, _read(copy), client.places, helio.urls())
        after, servers = connected(original, client.places, helio)
    except NotReadable as error:
        _unreadable(path, error)
    if not servers:
        places = " or ".join(f"`{'.'.join(place)}`" for place in client.places)
        out.fail(f"{path} has no servers in {places}", "add them in the client first")
    return Planned(client, path, before, after, original, servers)


def undoing(name: str, path: Path) -> Planned:
    """The servers led back. Ends the command when there is no copy to tell how they were."""
    client, before, copy = CLIENTS[name], _read(path), copy_of(path)
    if not copy.is_file():
        out.fail(f"there is no {copy}", "`helio connect` did not change this file")
    try:
        after, servers = disconnected(before, _read(copy), client.places)
    except NotReadable as error:
        _unreadable(path, error)
    return Planned(client, path, before, after, None, servers)


def _unreadable(path: Path, error: NotReadable) -> None:
    out.fail(f"{path}: {error}", "nothing was changed; correct the file, and try again")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        out.fail(f"{path}: {error.strerror or error}")
    except UnicodeDecodeError:
        out.fail(f"{path} is not UTF-8", "save it as UTF-8")


def write(planned: Planned) -> None:
    """Writes the copy, then the file. Ends the command when the client wrote it meanwhile."""
    if _read(planned.path) != planned.before:
        out.fail(f"{planned.path} changed just now", "close the client, and try again")
    try:
        if planned.before != planned.after:
            if planned.original is not None:
                _write_copy(planned.path, planned.copy, planned.original)
            replace_file(planned.path, planned.after)
        if planned.original is None:
            planned.copy.unlink()
    except OSError as error:
        out.fail(f"{error.filename}: {error.strerror or error}", "the file is as it was")


def _write_copy(path: Path, copy: Path, text: str) -> None:
    """The copy, for nobody who could not read the file itself: it may hold secrets."""
    if not copy.is_file():
        mode = path.stat().st_mode & 0o777
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    replace_file(copy, text)
