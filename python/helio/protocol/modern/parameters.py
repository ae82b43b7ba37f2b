"""Arguments of a tool that are mirrored as `Mcp-Param-*` (2026-07-28, Streamable HTTP, "Custom
Headers from Tool Parameters"). Pure.

A tool's `inputSchema` names such arguments with `x-mcp-header`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from helio.protocol.headers import PARAMETER, Header, is_name
from helio.protocol.modern.document import Document, raw, text
from helio.protocol.modern.fields import mirrors
from helio.protocol.modern.refusal import mismatch
from helio.protocol.modern.values import decoded, encoded

ANNOTATION: Final = "x-mcp-header"
TYPES: Final = frozenset(("boolean", "integer", "string"))

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One mirrored argument: `token` completes its header's name, `type` is the schema's."""

    token: str
    type: str

    @property
    def header(self) -> bytes:
        """The name of its header, in lower case."""
        return PARAMETER + self.token.lower().encode()


Parameters: TypeAlias = Mapping[Path, Parameter]
"""The mirrored arguments of one tool, by their paths in `arguments`."""

# Where a schema holds other schemas (JSON Schema 2020-12, and `definitions` before it).
_ONE: Final = frozenset(
    (
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_LISTED: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED: Final = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties"))

_INTEGER: Final = re.compile(rb"-?[0-9]+")
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LONGEST: Final = 400
"""Digits of an integer that is written out."""


def parameter_headers(schema: object) -> Parameters:
    """The mirrored arguments that an `inputSchema` (a JSON value) declares.

    One declaration that breaks the rules spoils them all: nothing is mirrored, as clients must not
    even show such a tool.
    """
    found: dict[Path, Parameter] = {}
    tokens: set[str] = set()
    for path, position in _positions(schema):
        if ANNOTATION not in position:
            continue
        token, type_ = position[ANNOTATION], position.get("type")
        if not path or not isinstance(token, str) or not isinstance(type_, str):
            return {}
        if type_ not in TYPES or token.lower() in tokens or not _is_token(token):
            return {}
        tokens.add(token.lower())
        found[path] = Parameter(token, type_)
    return dict(sorted(found.items()))


def check_parameters(message: Document, parameters: Parameters, headers: Sequence[Header]) -> None:
    """Raises `Refused` unless each mirrored argument of a `tools/call` and its header agree.

    They agree when both are absent (null is absent), or both are there and mean the same; integers
    are compared as numbers. A header that belongs to no parameter is not looked at.
    """
    if not parameters:
        return
    fields = mirrors(headers)
    for path, parameter in parameters.items():
        header = fields.get(parameter.header)
        value = raw(message, "params", "arguments", *path)
        if not _agree(parameter, value, header):
            name, argument = parameter.header.decode(), ".".join(path)
            raise mismatch(f"The header {name} does not say what the argument {argument!r} says.")


def parameter_values(message: Document, parameters: Parameters) -> Iterator[Header]:
    """The `Mcp-Param-*` headers of a `tools/call`, made from its arguments."""
    for path, parameter in parameters.items():
        value = raw(message, "params", "arguments", *path)
        rendered = _rendered(value)
        if value is not None and rendered is not None:
            whole = _whole(parameter, value)
            if whole is not None and whole.adjusted() < _LONGEST:
                rendered = f"{int(whole)}"
            yield parameter.header, encoded(rendered)


def _agree(parameter: Parameter, value: bytes | None, header: bytes | None) -> bool:
    rendered = _rendered(value)
    if rendered is None or value is None:
        # There is nothing that a header could say.
        return header is None
    said = None if header is None else decoded(header)
    if said is None:
        return False
    whole = _whole(parameter, value)
    if whole is not None and _DECIMAL.fullmatch(said):
        return Decimal(said) == whole
    return said == rendered


def _rendered(value: bytes | None) -> str | None:
    """How an argument is written in a header; None when it is absent, null, or has other values
    inside. A number that is no integer has no place here: it is written as a double, as clients
    do."""
    if value is None or value[:1] in b"n{[":
        return None
    if value.startswith(b'"'):
        return text(value)
    if value in (b"true", b"false"):
        return value.decode()
    return str(int(value)) if _INTEGER.fullmatch(value) else str(float(value))


def _whole(parameter: Parameter, value: bytes) -> Decimal | None:
    """The number that an integer parameter holds; None for any other value."""
    if parameter.type != "integer" or value[:1] in b'"tf':
        return None
    try:
        number = Decimal(value.decode())
    except InvalidOperation:
        # An exponent that no number has.
        return None
    return number if number == number.to_integral_value() else None


def _is_token(token: str) -> bool:
    return token.isascii() and is_name(token.encode())


def _positions(root: object) -> Iterator[tuple[Path | None, Mapping[str, object]]]:
    """Every place of a schema that holds a schema, and the properties that lead there; None where
    anything but `properties` does. What a schema says of values (`default`, `enum`) is no schema.
    """
    waiting: list[tuple[Path | None, object]] = [((), root)]
    while waiting:
        path, position = waiting.pop()
        if isinstance(position, Mapping):
            yield path, position
            waiting.extend(_below(path, position))


def _below(
    path: Path | None, position: Mapping[str, object]
) -> Iterator[tuple[Path | None, object]]:
    for keyword, value in position.items():
        inside: Iterable[object] = ()
        if keyword == "properties" and isinstance(value, Mapping):
            for name, schema in value.items():
                yield (None if path is None else (*path, name)), schema
        elif keyword in _ONE:
            inside = (value,)
        elif keyword in _LISTED and isinstance(value, Sequence) and not isinstance(value, str):
            inside = value
        elif keyword in _NAMED and isinstance(value, Mapping):
            inside = value.values()
        for schema in inside:
            yield None, schema
