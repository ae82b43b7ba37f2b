"""What a tool's `inputSchema` (JSON Schema 2020-12, and drafts before it) says of the values that a
path selects.

Above: `known`, `fitting`, `findings`. Below: `helio.policy.reach` (values). Pure. What is not read
here (`not`, `if`, patterns, lengths) only narrows what a schema allows: the values told are at
least those that it allows. Where a name may be allowed by something that is not read, nothing is
told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any, Final, TypeAlias

from helio.policy.reach.effort import TooLarge
from helio.policy.reach.values import read

TYPES: Final = frozenset(("object", "array", "string", "number", "boolean", "null"))

_SEGMENT: Final = re.compile(r"\['((?:[^'\\]|\\['\\])*)'\]|\[(\d{1,9})\]|\[(\*)\]")
_MOST_SHAPES: Final = 64
_MOST_REFERENCES: Final = 16
_CONDITIONAL: Final = ("if", "dependentSchemas", "dependentRequired", "dependencies")
_UNREAD_REFERENCES: Final = ("$dynamicRef", "$recursiveRef")

Shape: TypeAlias = tuple[Mapping[str, Any], ...]
"""Schemas that hold at once, without references, choices and conjunctions. Empty: anything."""


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one shape. `types` are JSON's, `words` as the schema has them (with `integer`).

    `members` are all values, where they are listed. `low` and `high` bound numbers, and are not
    among them where `is_low_open` or `is_high_open`.
    """

    types: frozenset[str]
    words: tuple[str, ...] = ()
    members: tuple[Any, ...] | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    is_low_open: bool = False
    is_high_open: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a path selects in arguments that a schema allows: values of any of these shapes, none at
    all where there is no shape. `absent` is the first name of the path that there is not, and
    `names` are those that there are in its place. `is_optional`: it may also select nothing.
    """

    values: tuple[Values, ...]
    is_optional: bool
    absent: str | None = None
    names: tuple[str, ...] = ()


class _Unsure(Exception):
    """What is allowed is said in a way that is not read here."""


class Schema:
    """A schema that is asked about paths; each answer is kept."""

    def __init__(self, root: Any) -> None:
        self._root = root
        dialect = root.get("$schema") if isinstance(root, dict) else None
        self._alone = isinstance(dialect, str) and "draft-0" in dialect
        self._readings: dict[str, Reading | None] = {}

    def reading(self, path: str) -> Reading | None:
        """What a normalised path selects; None where that is not known."""
        if path not in self._readings:
            try:
                self._readings[path] = self._read(path)
            except _Unsure:
                self._readings[path] = None
        return self._readings[path]

    def _read(self, path: str) -> Reading:
        shapes = self._shapes(self._root)
        is_optional = False
        for step in _steps(path):
            names = tuple(dict.fromkeys(name for shape in shapes for name in _names(shape)))
            found: list[Shape] = []
            for shape in shapes:
                inner, may_miss = self._inside(shape, step)
                found += inner
                is_optional |= may_miss or not inner
            if not found:
                absent = step if isinstance(step, str) else None
                return Reading((), True, absent, names)
            shapes = _bounded(found)
        values = tuple(each for each in map(_values, shapes) if each.types)
        if not values:
            raise _Unsure
        return Reading(values, is_optional)

    def _shapes(self, schema: Any, depth: int = 0) -> list[Shape]:
        """The shapes of what a schema allows. Raises `_Unsure`."""
        if schema is True or schema == {}:
            return [()]
        if schema is False:
            return []
        if not isinstance(schema, dict) or depth > _MOST_REFERENCES:
            raise _Unsure
        if any(key in schema for key in _UNREAD_REFERENCES):
            raise _Unsure
        if "$ref" in schema:
            target = self._shapes(self._target(schema["$ref"]), depth + 1)
            # Before 2019-09 what stands beside a reference does not count.
            if self._alone:
                return target
            shapes = _both([(schema,)], target)
        else:
            shapes = [(schema,)]
        for part in _list(schema.get("allOf", [])):
            shapes = _both(shapes, self._shapes(part, depth + 1))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                choices = [self._shapes(part, depth + 1) for part in _list(schema[key])]
                shapes = _both(shapes, _bounded([shape for each in choices for shape in each]))
        return shapes

    def _target(self, reference: Any) -> Any:
        """What a reference within the schema stands for."""
        if not isinstance(reference, str) or not (reference + "/").startswith("#/"):
            raise _Unsure
        found = self._root
        for part in reference.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise _Unsure
            found = found[name]
        return found

    def _inside(self, shape: Shape, step: str | int | None) -> tuple[list[Shape], bool]:
        """The shapes of what a step selects, and whether there may be nothing."""
        types = _types(shape)
        if isinstance(step, str):
            if "object" not in types:
                return [], True
            return self._member(shape, step), not _is_required(shape, step)
        if "array" in types and "object" in types and step is None:
            raise _Unsure
        if "array" in types:
            return self._elements(shape, step), True
        return (self._members(shape), True) if step is None and "object" in types else ([], True)

    def _member(self, shape: Shape, name: str) -> list[Shape]:
        inner: list[Any] = []
        is_listed, is_open, is_closed = False, False, False
        for schema in shape:
            properties = schema.get("properties")
            if isinstance(properties, dict) and name in properties:
                inner.append(properties[name])
                continue
            other = schema.get("additionalProperties")
            if schema.get("patternProperties"):
                is_open = True
            elif other is False:
                is_closed = True
            elif isinstance(other, dict) and other:
                inner.append(other)
            elif other is not None or _may_say_more(schema):
                is_open = True
            elif isinstance(properties, dict):
                is_listed = True
        if inner and not is_closed:
            return self._all(inner)
        if is_closed and not inner:
            return []
        if inner or is_open or not is_listed:
            raise _Unsure
        return []

    def _members(self, shape: Shape) -> list[Shape]:
        names = dict.fromkeys(_names(shape))
        if not any(schema.get("additionalProperties") is False for schema in shape):
            raise _Unsure
        if any(schema.get("patternProperties") for schema in shape):
            raise _Unsure
        return [inner for name in names for inner in self._member(shape, name)]

    def _elements(self, shape: Shape, index: int | None) -> list[Shape]:
        parts: list[list[Shape]] = []
        for schema in shape:
            items = schema.get("items", True)
            first = items if isinstance(items, list) else schema.get("prefixItems", [])
            rest = schema.get("additionalItems", True) if isinstance(items, list) else items
            if index is None:
                parts.append([each for one in [*_list(first), rest] for each in self._shapes(one)])
            else:
                parts.append(self._shapes(first[index] if index < len(_list(first)) else rest))
        return _conjunction(parts)

    def _all(self, schemas: Iterable[Any]) -> list[Shape]:
        return _conjunction([self._shapes(schema) for schema in schemas])


def schema_of(definition: bytes) -> Schema:
    """The input schema of a tool's definition (a JSON text); one that allows anything where it has
    none, or one with numbers that are too large to be compared."""
    try:
        return Schema(read(definition.decode()).get("inputSchema", True))
    except TooLarge:
        return Schema(True)


def _steps(path: str) -> Iterator[str | int | None]:
    """Names, indices, and None for each wildcard. Raises `_Unsure` for other selectors."""
    at = 1
    while at < len(path):
        segment = _SEGMENT.match(path, at)
        if segment is None:
            raise _Unsure
        name, index, _ = segment.groups()
        if name is not None:
            yield re.sub(r"\\(.)", r"\1", name)
        else:
            yield None if index is None else int(index)
        at = segment.end()


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Unsure
    return value


def _bounded(shapes: list[Shape]) -> list[Shape]:
    if len(shapes) > _MOST_SHAPES:
        raise _Unsure
    return shapes


def _both(left: list[Shape], right: list[Shape]) -> list[Shape]:
    return _bounded([one + other for one, other in product(left, right)])


def _conjunction(parts: Sequence[list[Shape]]) -> list[Shape]:
    shapes: list[Shape] = [()]
    for part in parts:
        shapes = _both(shapes, part)
    return shapes


def _names(shape: Shape) -> Iterator[str]:
    for schema in shape:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties


def _may_say_more(schema: Mapping[str, Any]) -> bool:
    """Whether it may allow names in a way that is not read."""
    more = schema.get("unevaluatedProperties", False)
    return more is not False or any(key in schema for key in _CONDITIONAL)


def _is_required(shape: Shape, name: str) -> bool:
    """Also where it may be required in a way that is not read."""
    return any(
        name in _texts(schema.get("required")) or any(key in schema for key in _CONDITIONAL)
        for schema in shape
    )


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [each for each in found if isinstance(each, str)]


def _types(shape: Shape) -> frozenset[str]:
    types = TYPES
    for schema in shape:
        said = _texts(schema.get("type"))
        if said:
            wide = {"number" if each == "integer" else each for each in said}
            types &= wide | ({"null"} if schema.get("nullable") is True else set())
    return types


def _values(shape: Shape) -> Values:
    types = _types(shape)
    members: tuple[Any, ...] | None = None
    for schema in shape:
        if "const" in schema:
            members = (schema["const"],)
        elif members is None and isinstance(schema.get("enum"), list):
            members = tuple(schema["enum"])
    if members is not None:
        members = tuple(each for each in members if type_of(each) in types)
        types = frozenset(type_of(each) for each in members)
    low, is_low_open = _bound(shape, "minimum", "exclusiveMinimum", max)
    high, is_high_open = _bound(shape, "maximum", "exclusiveMaximum", min)
    said = dict.fromkeys(word for schema in shape for word in _texts(schema.get("type")))
    return Values(types, tuple(said), members, low, high, is_low_open, is_high_open)


def _bound(shape: Shape, closed: str, opened: str, choose: Any) -> tuple[Decimal | None, bool]:
    """The narrower bound, and whether it is no value itself."""
    bounds = {
        key: [schema[key] for schema in shape if isinstance(schema.get(key), Decimal)]
        for key in (closed, opened)
    }
    found = [*bounds[closed], *bounds[opened]]
    if not found:
        return None, False
    bound = choose(found)
    return bound, bound in bounds[opened]


def type_of(value: Any) -> str:
    """JSON's type of a value that `helio.policy.reach.values.read` gave."""
    match value:
        case bool():
            return "boolean"
        case None:
            return "null"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "number"
