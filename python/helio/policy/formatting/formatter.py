"""Formats a text, and takes no result that says anything else. Pure.

Above: `helio fmt`. Below: `layout`, `ordering`, `writing`, `helio.diagnostics`.
"""

from collections import Counter
from collections.abc import Hashable, Iterator

from helio.diagnostics import Mapping, Node, Number, Sequence
from helio.diagnostics.tree import child_path
from helio.diagnostics.yaml_document import YamlDocument, parse_yaml
from helio.policy.collecting import uncollected
from helio.policy.formatting.layout import Block, Document, comments_in, read_layout
from helio.policy.formatting.ordering import order, rules_of
from helio.policy.formatting.writing import written


class Unformattable(ValueError):
    """A text that is not formatted: it has faults of form, or it is laid out in a way that could
    not be changed without changing what it says. `args` is `(message,)`."""


def formatted(text: str) -> str:
    """The text in its one layout, with the line breaks that it has.

    A text whose outermost value is not a block mapping or list stays as it is. Raises
    `Unformattable`.
    """
    with uncollected():
        return _formatted(text)


def _formatted(text: str) -> str:
    text = text.removeprefix("\ufeff")
    break_ = "\r\n" if "\r\n" in text else "\n"
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    before = parse_yaml(plain, "")
    if before.diagnostics.has_errors:
        raise Unformattable("the file has faults of form")
    if before.root is None:
        return text
    document = read_layout(plain)
    if not isinstance(document.root, Block):
        return text
    rules = rules_of(document.root)
    if rules is not None:
        order(rules)
    new = written(document, document.root, rules)
    if not _says_the_same(document, before, new):
        raise Unformattable("the file cannot be laid out anew without changing what it says")
    return new.replace("\n", break_)


def _says_the_same(old: Document, before: YamlDocument, new: str) -> bool:
    after = parse_yaml(new, "")
    if before.root is None or after.root is None or after.diagnostics.has_errors:
        return False
    return (
        _meaning(before.root) == _meaning(after.root)
        and Counter(old.comments) == Counter(comments_in(new))
        and _ignored(before, before.root) == _ignored(after, after.root)
    )


def _meaning(node: Node) -> Hashable:
    """What a value says, whatever the order of its keys."""
    match node:
        case Mapping(entries=entries):
            return frozenset((key, _meaning(entry.value)) for key, entry in entries.items())
        case Sequence(items=items):
            return tuple(map(_meaning, items))
        case _:
            value = node.value
            return ("number", value.text) if isinstance(value, Number) else (type(value), value)


def _ignored(document: YamlDocument, root: Node) -> list[tuple[Hashable, Hashable]]:
    """What each `helio: ignore` is for: the codes, and what begins in its line."""
    if not document.ignores:
        return []
    beginning: dict[int, set[str]] = {}
    for path, line in _places(root, ""):
        beginning.setdefault(line, set()).add(path)
    return [
        (tuple(code for code, _ in ignore.codes), frozenset(beginning.get(ignore.line, ())))
        for ignore in document.ignores
    ]


def _places(node: Node, path: str) -> Iterator[tuple[str, int]]:
    yield path, node.span.line
    match node:
        case Mapping(entries=entries):
            for key, entry in entries.items():
                yield child_path(path, key), entry.key.span.line
                yield from _places(entry.value, child_path(path, key))
        case Sequence(items=items):
            for index, item in enumerate(items):
                yield from _places(item, child_path(path, index))
