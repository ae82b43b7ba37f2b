"""A `helio.yaml` from text to models, with every fault at once.

Above: `helio.policy.compiler` and the commands. Below: `interpolation`, `sections`, `faults`,
`availability`. `load_config` reads one file and is the only function here that does I/O.
"""

from collections.abc import Iterator
from collections.abc import Mapping as Environment
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, ValidationError

from helio.config import availability, codes
from helio.config.addresses import is_loopback_host
from helio.config.faults import report
from helio.config.interpolation import Interpolation
from helio.config.sections import HelioConfig
from helio.diagnostics import (
    Code,
    Diagnostics,
    Entry,
    Interpolated,
    Mapping,
    Node,
    Scalar,
    Sequence,
    SourceText,
    Span,
    child_path,
    described,
    opening,
    parse_yaml,
    quoted,
)
from helio.diagnostics.codes import ENCODING, TOO_LARGE
from helio.diagnostics.ignoring import Ignore
from helio.diagnostics.yaml_document import MAXIMUM_BYTES

Purpose = Literal["compile", "run"]
Steps = tuple[str | int, ...]
"""Where a value stands: keys, and indices of lists."""

_STRICT_SECTIONS = ("policies", "budgets")
"""Here an unset variable is an error for every purpose: a placeholder would change decisions."""
_SECTIONS = (
    "listen",
    "auth",
    "session",
    "policies",
    "approval",
    "audit",
    "state",
    "dashboard",
    "sdk",
    "telemetry",
)
"""An absent section is an empty one, so that its defaults are validated as if written."""
_OPAQUE = frozenset({"policies.rules", "policies.install", "budgets.contributors.match"})
"""What `helio.policy` reads, by path without the indices of lists."""
_WEAK = 16
_START = Span(1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """What a file says. `config` is None when there is any error. `root` is the interpolated tree,
    for the compiler of the rules; None when the file has no usable form. `is_plain`: nothing in it
    came from the environment.
    """

    config: HelioConfig | None
    root: Mapping | None
    diagnostics: Diagnostics
    source: SourceText
    ignores: tuple[Ignore, ...] = ()
    is_plain: bool = False


def load_config(
    path: Path,
    *,
    environment: Environment[str, str],
    purpose: Purpose,
    needs_upstream: bool = True,
) -> LoadedConfig:
    """Reads and checks a file. Raises `OSError` when it cannot be read; all else is diagnostics.

    `purpose: compile` makes unset variables outside `policies` and `budgets` warnings: a
    placeholder stands for them, and such a configuration is not for running. Relative paths become
    relative to the file's directory. Without `needs_upstream` the file need not name an upstream:
    whoever loads it has one.
    """
    with path.open("rb") as file:
        raw = file.read(MAXIMUM_BYTES + 1)
    if len(raw) > MAXIMUM_BYTES:
        return _unreadable(path, TOO_LARGE, f"the file has more than {MAXIMUM_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _unreadable(path, ENCODING, "the file is not UTF-8")
    return parse_config(
        text,
        str(path),
        environment=environment,
        purpose=purpose,
        directory=path.parent,
        needs_upstream=needs_upstream,
    )


def _unreadable(path: Path, code: Code, message: str) -> LoadedConfig:
    diagnostics = Diagnostics(str(path))
    diagnostics.add(code, message, _START)
    return LoadedConfig(None, None, diagnostics, SourceText(str(path), ""))


def parse_config(
    text: str,
    file: str = "helio.yaml",
    *,
    environment: Environment[str, str],
    purpose: Purpose,
    directory: Path | None = None,
    needs_upstream: bool = True,
) -> LoadedConfig:
    """The same from text; `file` is the name in diagnostics, `directory` where relative paths
    begin.
    """
    document = parse_yaml(text, file)
    diagnostics = document.diagnostics
    if document.root is None:
        if not diagnostics.has_errors:
            _expected_mapping(diagnostics, "nothing", _START)
        return LoadedConfig(None, None, diagnostics, document.source)
    if not isinstance(document.root, Mapping):
        _expected_mapping(diagnostics, described(document.root), opening(document.root))
        return LoadedConfig(None, None, diagnostics, document.source)
    root = _without_holders(document.root)
    is_plain = "${" not in text
    if not is_plain:
        root = _interpolated(root, environment, diagnostics, purpose)
    config = _validated(root, diagnostics, directory or Path())
    _check_upstream(root, diagnostics, needed=needs_upstream)
    availability.refuse(root, diagnostics)
    if config is not None:
        _check_across(config, root, diagnostics)
    usable = None if diagnostics.has_errors else config
    return LoadedConfig(usable, root, diagnostics, document.source, document.ignores, is_plain)


def _expected_mapping(diagnostics: Diagnostics, found: str, span: Span) -> None:
    diagnostics.add(
        codes.WRONG_TYPE,
        f"expected a mapping with `version` and `upstream`, found {found}",
        span,
        hint="`helio init` writes a first file",
    )


def _without_holders(root: Mapping) -> Mapping:
    """The tree without the top-level keys that only hold anchors."""
    used = {key: entry for key, entry in root.entries.items() if not key.startswith("x-")}
    return Mapping(used, root.span)


def _interpolated(
    root: Mapping, environment: Environment[str, str], diagnostics: Diagnostics, purpose: Purpose
) -> Mapping:
    """The tree with its variables replaced."""
    interpolation = Interpolation(environment, diagnostics)
    lenient = codes.UNSET_VARIABLE_LATER if purpose == "compile" else codes.UNSET_VARIABLE
    replaced: dict[str, Node] = {}
    # The strict sections first: what an alias shares with them is strict everywhere.
    for key in sorted(root.entries, key=lambda key: key not in _STRICT_SECTIONS):
        unset = codes.UNSET_VARIABLE if key in _STRICT_SECTIONS else lenient
        replaced[key] = interpolation.applied(root.entries[key].value, key, unset)
    entries = {key: Entry(entry.key, replaced[key]) for key, entry in root.entries.items()}
    return Mapping(entries, root.span)


def _validated(root: Mapping, diagnostics: Diagnostics, directory: Path) -> HelioConfig | None:
    values = _plain(root)
    for section in _SECTIONS:
        values.setdefault(section, {})
    try:
        return HelioConfig.model_validate(values, context={"directory": directory})
    except ValidationError as error:
        report(error, HelioConfig, root, diagnostics)
        return None


def _plain(node: Node, path: str = "") -> Any:
    """The tree as the values that the models take. What `helio.policy` reads stays as it is."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return tuple(_plain(item, path) for item in node.items)
        case Mapping():
            plain = {}
            for key, entry in node.entries.items():
                at = child_path(path, key)
                plain[key] = entry.value if at in _OPAQUE else _plain(entry.value, at)
            return plain


def _check_upstream(root: Mapping, diagnostics: Diagnostics, *, needed: bool) -> None:
    one, several = (
        None if entry is None or not availability.given(entry.value) else entry
        for entry in (root.entries.get("upstream"), root.entries.get("upstreams"))
    )
    if one is None and several is None:
        if not needed:
            return
        hint = "write `upstream: { url: 'http://…/mcp' }`"
        diagnostics.add(codes.MISSING_KEY, "`upstream` is missing", _START, hint=hint)
    elif one is not None and several is not None:
        message = "`upstream` and `upstreams` exclude each other"
        diagnostics.add(codes.CONFLICT, message, several.key.span, "upstreams")
    elif several is not None and not availability.not_empty(several.value):
        message = "`upstreams` names no upstream"
        diagnostics.add(codes.MISSING_KEY, message, several.key.span, "upstreams")


def _check_upstreams(config: HelioConfig, root: Mapping, diagnostics: Diagnostics) -> None:
    """Several upstreams are told apart by their names, in paths and in front of their tools."""
    names: set[str] = set()
    for index, upstream in enumerate(config.upstreams):
        span, path = _place_of(root, "upstreams", index, "name")
        if upstream.name in names:
            message = f"two upstreams are called {quoted(upstream.name)}"
            diagnostics.add(codes.CONFLICT, message, span, path)
        elif config.aggregate and ("__" in upstream.name or upstream.name.endswith("_")):
            message = "under `aggregate` the name of an upstream may not hold `__` or end with `_`"
            hint = "agents see `<upstream>__<tool>`, and must read it in one way only"
            diagnostics.add(codes.CONFLICT, message, span, path, hint)
        elif config.aggregate and upstream.name == "aggregate":
            message = "under `aggregate` no upstream may be called `aggregate`"
            hint = "that is what the audit calls what is for none of them"
            diagnostics.add(codes.CONFLICT, message, span, path, hint)
        names.add(upstream.name)
    if config.aggregate and config.upstream is not None:
        span, path = _place_of(root, "aggregate")
        message = "`aggregate` needs `upstreams`: a list of named ones"
        diagnostics.add(codes.CONFLICT, message, span, path)


def _check_across(config: HelioConfig, root: Mapping, diagnostics: Diagnostics) -> None:
    """What concerns several keys, or is allowed but unwise."""
    _check_upstreams(config, root, diagnostics)
    dashboard, listen = config.dashboard, config.listen
    same_port = dashboard.enabled and dashboard.port == listen.port != 0
    known = not any(_is_unset(root, section, "port") for section in ("dashboard", "listen"))
    if same_port and known and dashboard.host == listen.host:
        message = f"`dashboard.port` and `listen.port` are both {listen.port}"
        span, path = _place_of(root, "dashboard", "port")
        diagnostics.add(codes.CONFLICT, message, span, path)
    for secret, steps in _secrets(config):
        text = secret.get_secret_value()
        if len(text) < _WEAK and not _is_unset(root, *steps):
            message = f"`{steps[-1]}` has fewer than {_WEAK} characters"
            span, path = _place_of(root, *steps)
            diagnostics.add(codes.WEAK_SECRET, message, span, path)
    if config.audit.storage == "sqlite":
        message = "the audit is kept in DuckDB; `storage: sqlite` is accepted and means the same"
        span, path = _place_of(root, "audit", "storage")
        diagnostics.add(codes.STORAGE_NAME, message, span, path, fix="duckdb")
    _check_channels(config, root, diagnostics)


def _check_channels(config: HelioConfig, root: Mapping, diagnostics: Diagnostics) -> None:
    """Channels are told apart by their names, and Slack must be able to reach Helio."""
    labels: set[str] = set()
    local = all(is_loopback_host(host) for host in config.listen.allowed_hosts)
    for index, channel in enumerate(config.approval.channels):
        span, path = _place_of(root, "approval", "channels", index)
        if channel.label in labels:
            message = f"two channels are called {quoted(channel.label)}"
            diagnostics.add(codes.CONFLICT, message, span, path, "give each its own `name`")
        elif channel.type == "slack" and local:
            message = "Slack has no name by which it could reach Helio"
            diagnostics.add(codes.OUT_OF_REACH, message, span, path)
        labels.add(channel.label)


def _secrets(config: HelioConfig) -> Iterator[tuple[SecretStr, Steps]]:
    """The secrets that somebody could guess, and where they stand."""
    if config.dashboard.api_secret is not None:
        yield config.dashboard.api_secret, ("dashboard", "api_secret")
    for index, each in enumerate(config.auth.tokens):
        yield each.token, ("auth", "tokens", index, "token")
    for index, channel in enumerate(config.approval.channels):
        if channel.secret is not None:
            yield channel.secret, ("approval", "channels", index, "secret")


def _is_unset(root: Mapping, *steps: str | int) -> bool:
    """Whether a value stands for a variable that is not set."""
    node = _node_at(root, *steps)[0]
    value = node.value if isinstance(node, Scalar) else None
    return isinstance(value, Interpolated) and bool(value.unset)


def _place_of(root: Mapping, *steps: str | int) -> tuple[Span, str]:
    node, path = _node_at(root, *steps)
    return opening(node), path


def _node_at(root: Mapping, *steps: str | int) -> tuple[Node, str]:
    """What stands there, or the last on the way to it that does, and its path."""
    node: Node = root
    path = ""
    for step in steps:
        if isinstance(node, Mapping) and isinstance(step, str):
            child = node.get(step)
            if child is None:
                break
            node = child
        elif isinstance(node, Sequence) and isinstance(step, int):
            node = node.items[step]
        path = child_path(path, step)
    return node, path
