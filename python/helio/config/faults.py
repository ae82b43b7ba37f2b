"""The errors of the models as diagnostics: each with its place, its path and what was probably
meant.

Above: `loading`. Below: `sections`, pydantic. Pure. The models know types, the tree knows places;
an error's `loc` leads through both.
"""

from collections.abc import Mapping as Mapped
from collections.abc import Sequence as Values
from types import MappingProxyType, UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from helio.config import codes
from helio.config.meant import renamed, section_for, told_of
from helio.config.scalars import UnfitValue, read_word
from helio.diagnostics import (
    Diagnostics,
    Mapping,
    Node,
    Scalar,
    Sequence,
    child_path,
    described,
    near_miss,
    only_typo,
    opening,
    quoted,
)

Location = Values[str | int]


def report(
    error: ValidationError, model: type[BaseModel], root: Mapping, diagnostics: Diagnostics
) -> None:
    """Adds a diagnostic for every error of a validation of `root` by `model`."""
    for detail in error.errors(include_url=False, include_input=False):
        location = detail["loc"]
        match detail["type"]:
            case "extra_forbidden":
                _unknown_key(location, model, root, diagnostics)
            case "missing":
                node, path = _place(root, location[:-1])
                message = f"{quoted(str(location[-1]))} is missing"
                diagnostics.add(codes.MISSING_KEY, message, opening(node), path)
            case "literal_error":
                _not_a_word(location, model, root, diagnostics)
            case _:
                _unfit(detail, root, diagnostics)


def _unknown_key(
    location: Location, model: type[BaseModel], root: Mapping, diagnostics: Diagnostics
) -> None:
    parent, _ = _place(root, location[:-1])
    _, path = _place(root, location)
    key = str(location[-1])
    owner = _type_at(model, location[:-1])
    if not _is_model(owner):
        unknown_key(parent, key, path, [], diagnostics)
        return
    known = {name: _bare(field.annotation) for name, field in owner.model_fields.items()}
    inner = {name: kind for name, kind in known.items() if _is_model(kind)}
    homes: dict[str, list[str]] = {}
    for name, kind in inner.items():
        for field in kind.model_fields:
            homes.setdefault(field, []).append(name)
    above = dict.fromkeys(model.model_fields, "at the top of the file") if path != key else {}
    unknown_key(parent, key, path, list(known), diagnostics, homes=homes, outside=above)


def unknown_key(
    parent: Node,
    key: str,
    path: str,
    known: Values[str],
    diagnostics: Diagnostics,
    *,
    homes: Mapped[str, Values[str]] = MappingProxyType({}),
    outside: Mapped[str, str] = MappingProxyType({}),
) -> None:
    """Adds the diagnostic for a key that nothing knows, with what was probably meant. `homes` are
    keys of inner mappings with the names of those, `outside` keys from further out, with where.
    """
    entry = parent.entries.get(key) if isinstance(parent, Mapping) else None
    span = parent.span if entry is None else entry.key.span
    meant = only_typo(key, known)
    hint = _elsewhere(key, known, homes, outside)
    near = None
    if hint is None:
        near = renamed(key, known) or near_miss(key, known)
        listed = "known here: " + ", ".join(f"`{word}`" for word in known)
        hint = listed if near is None else f"did you mean `{near}`?"
    taken = not isinstance(parent, Mapping) or meant in parent.entries
    fix = None if taken or near != meant else meant
    diagnostics.add(codes.UNKNOWN_KEY, f"unknown key {quoted(key)}", span, path, hint, fix=fix)


def _elsewhere(
    key: str,
    known: Values[str],
    homes: Mapped[str, Values[str]],
    outside: Mapped[str, str],
) -> str | None:
    """What to do about a key that belongs to another place, by its name or by what others call
    it; None where it was meant for this one."""
    if key in homes:
        return _under("it", homes[key])
    if key in outside:
        return f"write it {outside[key]}"
    if only_typo(key, known) is not None or renamed(key, known) is not None:
        return None
    inner, outer = renamed(key, homes), renamed(key, outside)
    if inner is not None:
        return _under(f"`{inner}`", homes[inner])
    if outer is not None:
        return f"write `{outer}` {outside[outer]}"
    return told_of(key, known)


def _under(what: str, homes: Values[str]) -> str:
    return f"write {what} under {' or '.join(f'`{home}`' for home in homes)}"


def _not_a_word(
    location: Location, model: type[BaseModel], root: Mapping, diagnostics: Diagnostics
) -> None:
    node, path = _place(root, location)
    words = tuple(get_args(_type_at(model, location)))
    try:
        read_word(node.value if isinstance(node, Scalar) else _stand_in(node), words)
    except UnfitValue as error:
        code = codes.WRONG_TYPE if error.wrong_type else codes.UNKNOWN_WORD
        diagnostics.add(code, error.message, opening(node), path, error.hint, fix=error.fix)


def _stand_in(node: Node) -> object:
    """A value of the node's kind, for messages."""
    return {} if isinstance(node, Mapping) else ()


_LEAVE_OUT = "indent what belongs to this key, remove the key, or write `{}`"
_WANTED = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}


def _unfit(detail: ErrorDetails, root: Mapping, diagnostics: Diagnostics) -> None:
    node, path = _place(root, detail["loc"])
    context = detail.get("ctx", {})
    wanted = _WANTED.get(detail["type"])
    if wanted is not None:
        message = f"expected {wanted}, found {described(node)}"
        is_list = wanted == "a list"
        hint, fix = (hint_at_list(node), None) if is_list else hint_at_mapping(node, path)
        diagnostics.add(codes.WRONG_TYPE, message, opening(node), path, hint, fix=fix)
        return
    code = codes.WRONG_TYPE if detail["type"] == "wrong_type" else codes.INVALID_VALUE
    message = str(context.get("message", detail["msg"]))
    hint, fix = context.get("hint"), context.get("fix")
    diagnostics.add(code, message, opening(node), path, hint, fix=fix)


def hint_at_list(node: Node) -> str | None:
    """What to do about a node where a list is wanted."""
    if not isinstance(node, Scalar):
        return "write a list: begin each entry with `- `"
    return _LEAVE_OUT.format("[]") if node.value is None else "write a list: `[…]`"


def hint_at_mapping(node: Node, path: str) -> tuple[str | None, str | None]:
    """What to do about a node where a mapping is wanted: a hint, and a correction where there can
    be but one."""
    if isinstance(node, Scalar) and node.value is None:
        return _LEAVE_OUT.format("{}"), None
    return section_for(node, path)


def _place(root: Mapping, location: Location) -> tuple[Node, str]:
    """The node at a location, as far as the tree goes, with its path."""
    node: Node = root
    path = ""
    key: Node = root
    for step in location:
        if step == "[key]":
            return key, path
        if isinstance(node, Mapping) and isinstance(step, str):
            child = node.get(step)
            key = node.entries[step].key if child is not None else node
        elif isinstance(node, Sequence) and isinstance(step, int):
            child = node.items[step] if step < len(node.items) else None
        else:
            child = None
        if child is None:
            break
        node = child
        path = child_path(path, step)
    return node, path


def _type_at(model: Any, location: Location) -> Any:
    """The type that a location leads to, without `None` and annotations."""
    current: Any = model
    for step in location:
        if _is_model(current):
            field = current.model_fields.get(str(step))
            current = None if field is None else _bare(field.annotation)
        else:
            arguments = get_args(current)
            current = _bare(
                arguments[-1] if get_origin(current) is dict else next(iter(arguments), None)
            )
    return current


def _is_model(candidate: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) in (Annotated, Union, UnionType):
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
            continue
        options = [option for option in get_args(annotation) if option is not type(None)]
        if len(options) != 1:
            return annotation
        annotation = options[0]
    return annotation
