"""Servers of a client's file, led through Helio and back: one text becomes another.

Above: `helio.cli`. Below: `jsonc`, `known`. Pure. A server that is a command is started by
`helio stdio`, with the command behind `--`; one at a URL is reached at Helio's door, if the
configuration has it as an upstream. Only these values change; the rest of the text stays as it is.
"""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePath
from typing import Final, NamedTuple

from helio.client_files.jsonc import NotReadable, Value, parsed
from helio.client_files.known import ANY

_SEPARATOR: Final = "--"
_MODULE: Final = ("-m", "helio")
_NAME_OPTION: Final = "--name"
_STANDARD_TRANSPORTS: Final = frozenset((None, "stdio", "http", "sse", "streamable-http"))
Places = tuple[tuple[str, ...], ...]


class State(StrEnum):
    """What became of a server."""

    CONNECTED = "connected"
    ALREADY = "already"
    LEFT = "left"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Reached:
    """Where Helio serves one upstream: to clients of streamable HTTP and to those of HTTP+SSE, and
    the headers (names in lower case) that go on to it.
    """

    http: str
    sse: str
    headers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Door:
    """Helio as clients reach it: `command` starts `helio stdio` with its options, `reached` has the
    upstreams by their URLs. `closed` says why no server at a URL can be taken over, if none can.
    """

    command: tuple[str, ...]
    reached: Mapping[str, Reached]
    closed: str | None = None

    def urls(self) -> frozenset[str]:
        """Every URL of Helio's own."""
        return frozenset(url for each in self.reached.values() for url in (each.http, each.sse))


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a file: its `name`, the `place` of the object that names it, and what became of
    it. `reason` says why one was left as it is; `url` and `headers` (names only) are those of a
    server that Helio would have to know as an upstream.
    """

    name: str
    place: str
    state: State
    reason: str | None = None
    url: str | None = None
    transport: str = "http"
    headers: tuple[str, ...] = ()


class _Change(NamedTuple):
    """Characters of a text, and what stands in their place."""

    start: int
    end: int
    text: str


class _Found(NamedTuple):
    """A server in a text: its name, and where it stands."""

    name: str
    path: tuple[str, ...]
    value: Value


def connected(text: str, places: Places, door: Door) -> tuple[str, list[Server]]:
    """The text with every server led through Helio, and what became of each. A text whose servers
    all are already comes back as it is. Raises `NotReadable`.
    """
    servers: list[Server] = []
    changes: list[_Change] = []
    for found in _servers(parsed(text), places):
        server, wanted = _take_over(text, found, door)
        servers.append(server)
        changes += wanted
    return _changed(text, changes), servers


def disconnected(
    text: str, original: str, places: Places, urls: Container[str] | None = None
) -> tuple[str, list[Server]]:
    """The text with those servers as they were that `original`, the text before `connected`, has
    in another form. What else was changed since stays; `urls`, Helio's own, are the only ones that
    are given back, where they are known. Raises `NotReadable`.
    """
    before = {found.path: found.value for found in _servers(parsed(original), places)}
    servers: list[Server] = []
    changes: list[_Change] = []
    for found in _servers(parsed(text), places):
        earlier = before.get(found.path)
        if earlier is None:
            continue
        wanted = _give_back_command(text, found.value, earlier)
        wanted = wanted or _give_back_url(found.value, original, earlier, urls)
        if wanted:
            servers.append(Server(found.name, _place(found), State.RESTORED))
            changes += wanted
    return _changed(text, changes), servers


def _servers(whole: Value, places: Places) -> Iterator[_Found]:
    """The servers of a text, in the order of the places."""
    for place in places:
        for path, holder in _at(whole, place, ()):
            for name, value in (holder.members or {}).items():
                if value.members is not None:
                    yield _Found(name, (*path, name), value)


def _at(
    value: Value, place: tuple[str, ...], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Value]]:
    if not place:
        yield path, value
        return
    first, *rest = place
    members = value.members or {}
    for name in members if first == ANY else (first,) if first in members else ():
        yield from _at(members[name], tuple(rest), (*path, name))


def _place(found: _Found) -> str:
    return ".".join(found.path[:-1])


def _changed(text: str, changes: Iterable[_Change]) -> str:
    for change in sorted(changes, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def _take_over(text: str, found: _Found, door: Door) -> tuple[Server, list[_Change]]:
    def result(state: State, reason: str | None = None) -> Server:
        return Server(found.name, _place(found), state, reason)

    kind, command = found.value.member("type"), found.value.member("command")
    if kind is not None and kind.text() not in _STANDARD_TRANSPORTS:
        return result(State.LEFT, "Helio does not speak its transport"), []
    if command is None:
        return _take_over_url(found, door)
    args = found.value.member("args")
    said = command.text()
    if said is None or (args is not None and args.texts() is None):
        return result(State.LEFT, "`command` or `args` are not texts"), []
    given = [] if args is None else args.texts() or []
    if _behind_helio(said, given) is not None:
        return result(State.ALREADY), []
    led = [*door.command, _NAME_OPTION, upstream_name(found.name), _SEPARATOR, said]
    program, prefix = led[0], led[1:]
    changes = [_Change(command.start, command.end, _json(program))]
    changes.append(_with_prefix(text, command, args, prefix))
    return result(State.CONNECTED), changes


def _take_over_url(found: _Found, door: Door) -> tuple[Server, list[_Change]]:
    url = found.value.member("url")
    said = None if url is None else url.text()
    state, reason = State.LEFT, None
    transport = "sse" if _text_of(found.value, "type") == "sse" else "http"
    headers = found.value.member("headers")
    names = () if headers is None else tuple(headers.members or ())
    changes: list[_Change] = []
    unknown = False
    if url is None or said is None:
        reason = "it has neither `command` nor `url`"
    elif said in door.urls():
        state, reason = State.ALREADY, None
    elif door.closed is not None:
        reason = door.closed
    elif "${" in said:
        reason = "its URL holds variables of the client"
    elif (reached := door.reached.get(said)) is None:
        unknown, reason = True, "the configuration has no upstream with its URL"
    elif lost := [name for name in names if name.lower() not in reached.headers]:
        reason = f"Helio would not pass on {', '.join(f'`{name}`' for name in lost)}"
    else:
        state = State.CONNECTED
        changes = [_Change(url.start, url.end, _json(getattr(reached, transport)))]
    server = Server(found.name, _place(found), state, reason)
    if unknown:
        server = replace(server, url=said, transport=transport, headers=names)
    return server, changes


def _text_of(value: Value, name: str) -> str | None:
    found = value.member(name)
    return None if found is None else found.text()


def _with_prefix(text: str, command: Value, args: Value | None, prefix: Sequence[str]) -> _Change:
    """Arguments in front of those that are there, in the layout that they have."""
    inserted = ", ".join(_json(each) for each in prefix)
    if args is None:
        return _Change(command.end, command.end, f', "args": [{inserted}]')
    within = args.start + 1
    if not args.items:
        return _Change(within, within, inserted)
    gap = text[within : args.items[0].start]
    led = gap if gap.isspace() else ""
    return _Change(within, within, f"{led}{inserted},{'' if gap else ' '}")


def _give_back_url(
    value: Value, original: str, before: Value, urls: Container[str] | None
) -> list[_Change]:
    url, earlier = value.member("url"), before.member("url")
    if url is None or earlier is None or url.text() == earlier.text():
        return []
    if urls is not None and url.text() not in urls:
        return []
    return [_Change(url.start, url.end, original[earlier.start : earlier.end])]


def _give_back_command(text: str, value: Value, before: Value) -> list[_Change]:
    command, args = value.member("command"), value.member("args")
    said = None if command is None else command.text()
    given = None if args is None else args.texts()
    if command is None or said is None or args is None or not args.items or given is None:
        return []
    at = _behind_helio(said, given)
    command_before = before.member("command")
    args_before = before.member("args")
    if at is None or command_before is None or _was_behind_helio(command_before, args_before):
        return []
    changes = [_Change(command.start, command.end, _json(given[at]))]
    alone = at == len(args.items) - 1
    joined = re.fullmatch(r',\s*"args":\s*', text[command.end : args.start])
    if alone and args_before is None and joined:
        return [*changes, _Change(command.end, args.end, "")]
    last = args.items[at]
    end = last.end if alone else _after_comma(text, last.end, args.items[at + 1].start)
    return [*changes, _Change(args.start + 1, end, "")]


def _after_comma(text: str, start: int, end: int) -> int:
    """Where the gap behind a comma begins; the comma's own blank goes with it."""
    at = text.index(",", start, end) + 1
    return at + 1 if text[at:end] == " " else at


def _was_behind_helio(command: Value, args: Value | None) -> bool:
    said, given = command.text(), [] if args is None else args.texts()
    return said is not None and given is not None and _behind_helio(said, given) is not None


def _behind_helio(program: str, arguments: Sequence[str]) -> int | None:
    """At which argument the command begins that `helio stdio` stands in front of; None when it is
    not Helio that is started.
    """
    stem = PurePath(program.replace("\\", "/")).name.removesuffix(".exe")
    module = tuple(arguments[: len(_MODULE)]) == _MODULE
    given = list(arguments[len(_MODULE) if module else 0 :])
    ours = given[1:2] == ["-c"] and given[3:4] == [_NAME_OPTION] and given[5:6] == [_SEPARATOR]
    if given[:1] != ["stdio"] or not (ours or module or stem == "helio"):
        return None
    if _SEPARATOR not in given:
        return None
    at = arguments.index(_SEPARATOR) + 1
    return at if at < len(arguments) else None


def upstream_name(name: str) -> str:
    """What rules and the audit call a server: its name, with what cannot stand in one replaced."""
    allowed = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:64].rstrip("_")
    return re.sub(r"__+", "_", allowed) or "server"


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


__all__ = ["Door", "NotReadable", "Server", "State", "connected", "disconnected", "upstream_name"]
