"""Reads `budgets`: what of each the rule graph needs with its place.

Above: `compiler`. Below: `match_reading`, `reading`, `document`. Pure. Plain values (limits,
windows, amounts) are read and checked by `helio.config`; here are names, conditions and paths.
"""

from helio.diagnostics import Diagnostics, Mapping, Node, Scalar, Sequence, child_path, opening
from helio.policy.document import Budget, Contributor, Text
from helio.policy.match_reading import read_match
from helio.policy.reading import Reader

CONTRIBUTOR_MATCH_KEYS = ("tool", "input")


def read_budgets(node: Node | None, path: str, diagnostics: Diagnostics) -> tuple[Budget, ...]:
    """All budgets in file order. What is no mapping is empty: `helio.config` has reported it."""
    reader = Reader(diagnostics)
    return tuple(_budget(reader, item, at) for item, at in _items(node, path))


def _budget(reader: Reader, node: Node, path: str) -> Budget:
    entries = node.entries if isinstance(node, Mapping) else {}
    contributors = _child(node, "contributors")
    at = child_path(path, "contributors")
    approval, asking = _child(node, "approval"), child_path(path, "approval")
    return Budget(
        path=path,
        span=opening(node),
        keys={key: entry.key.span for key, entry in entries.items()},
        name=_text(_child(node, "name"), child_path(path, "name")),
        channel=_text(_child(approval, "channel"), child_path(asking, "channel")),
        delegates=_texts(_child(approval, "delegates"), child_path(asking, "delegates")),
        is_of_session=_says(_child(node, "window"), "session"),
        asks=_says(_child(node, "on_exceed"), "require_approval"),
        contributors=tuple(
            _contributor(reader, item, inner) for item, inner in _items(contributors, at)
        ),
    )


def _contributor(reader: Reader, node: Node, path: str) -> Contributor:
    match = _child(node, "match")
    at = child_path(path, "match")
    return Contributor(
        path=path,
        span=opening(node),
        match=None if match is None else read_match(reader, match, at, CONTRIBUTOR_MATCH_KEYS),
        field=_text(_child(node, "field"), child_path(path, "field")),
    )


def _child(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) else None


def _items(node: Node | None, path: str) -> list[tuple[Node, str]]:
    items = node.items if isinstance(node, Sequence) else ()
    return [(item, child_path(path, index)) for index, item in enumerate(items)]


def _says(node: Node | None, word: str) -> bool:
    return isinstance(node, Scalar) and node.value == word


def _text(node: Node | None, path: str) -> Text | None:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Text(node.value, node, path)
    return None


def _texts(node: Node | None, path: str) -> tuple[Text, ...]:
    found = (_text(item, at) for item, at in _items(node, path))
    return tuple(text for text in found if text is not None)
