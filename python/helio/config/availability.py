"""What this version parses but cannot do.

Above: `loading` refuses what the table names. Below: `helio.diagnostics`. Pure. A later version
that can do something deletes its line; nothing else depends on it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helio.config import codes
from helio.diagnostics import Diagnostics, Mapping, Node, Scalar, Sequence, child_path, opening

Test = Callable[[Node], bool]


def given(node: Node) -> bool:
    """The key is there and not null."""
    return not (isinstance(node, Scalar) and node.value is None)


def not_empty(node: Node) -> bool:
    """A list or mapping with something in it."""
    match node:
        case Sequence():
            return bool(node.items)
        case Mapping():
            return bool(node.entries)
        case _:
            return False


def one_of(*words: str) -> Test:
    """One of these words."""
    return lambda node: isinstance(node, Scalar) and node.value in words


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A setting that is refused. `path` has `[]` for every item of a list; `refused` says which
    values are meant; `what` begins the sentence that ends with "is not available in this version".
    """

    path: str
    refused: Test
    what: str


UNAVAILABLE = (Unavailable("state.backend", one_of("redis"), "`backend: redis`"),)


def refuse(root: Mapping, diagnostics: Diagnostics) -> None:
    """Adds an error for every setting that this version cannot do."""
    for entry in UNAVAILABLE:
        for path, node in _found(root, "", entry.path.split(".")):
            if entry.refused(node):
                message = f"{entry.what} is not available in this version"
                diagnostics.add(codes.NOT_AVAILABLE, message, opening(node), path)


def _found(node: Node | None, path: str, steps: list[str]) -> Iterator[tuple[str, Node]]:
    if node is None:
        return
    if not steps:
        yield path, node
        return
    step, *rest = steps
    if not isinstance(node, Mapping):
        return
    key = step.removesuffix("[]")
    child = node.get(key)
    child_at = child_path(path, key)
    if key == step:
        yield from _found(child, child_at, rest)
    elif isinstance(child, Sequence):
        for index, item in enumerate(child.items):
            yield from _found(item, child_path(child_at, index), rest)
