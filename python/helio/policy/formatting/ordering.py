"""The order of the keys of rules: as the documentation has them. Pure.

Above: `formatter`. Below: `layout`. A rule with anchors, aliases or a `helio: ignore` in it stays
as it is: an alias must stand behind its anchor, and an ignore is for a line.
"""

from collections.abc import Iterator, Sequence

from helio.diagnostics.ignoring import may_hold_ignores
from helio.policy.formatting.layout import Block, Entry, Leaf
from helio.policy.match_reading import MATCH_KEYS
from helio.policy.rule_reading import RULE_KEYS


def rules_of(root: Block) -> Block | None:
    """The list of rules, where it is written as a block."""
    policies = _value(root, "policies")
    rules = _value(policies, "rules") if isinstance(policies, Block) else None
    return rules if isinstance(rules, Block) and not rules.is_mapping else None


def order(rules: Block) -> None:
    """Puts the keys of all rules, and of what they match, in order."""
    for item in rules.entries:
        rule = item.value
        if not (isinstance(rule, Block) and rule.is_mapping) or not _is_free(item):
            continue
        _sort(rule, RULE_KEYS)
        match = _value(rule, "match")
        if isinstance(match, Block) and match.is_mapping:
            _sort(match, MATCH_KEYS)


def _sort(block: Block, keys: Sequence[str]) -> None:
    def place(entry: Entry) -> int:
        name = _name(entry)
        return keys.index(name) if name in keys else len(keys)

    ordered = sorted(block.entries, key=place)
    # The first key stands behind the dash, where no comment can stand above it.
    if ordered[0].before:
        return
    last = block.entries[-1]
    block.entries = ordered
    if last is not ordered[-1]:
        # What stands at the end of the section stays there.
        ending = [comment for comment in last.after if not comment.within]
        last.after = [comment for comment in last.after if comment.within]
        ordered[-1].after += ending


def _is_free(item: Entry) -> bool:
    return not any(
        may_hold_ignores(comment) for entry in _entries(item) for comment in _comments(entry)
    ) and not any(_is_anchored(entry) for entry in _entries(item))


def _is_anchored(entry: Entry) -> bool:
    leaves = [each for each in (entry.key, entry.value) if isinstance(each, Leaf)]
    anchored = isinstance(entry.value, Block) and entry.value.anchor is not None
    return anchored or any(map(_holds_anchor, leaves))


def _holds_anchor(leaf: Leaf) -> bool:
    inner = (each for pair in leaf.parts or () for each in pair if each is not None)
    return leaf.anchor is not None or any(map(_holds_anchor, inner))


def _entries(entry: Entry) -> Iterator[Entry]:
    yield entry
    if isinstance(entry.value, Block):
        for inner in entry.value.entries:
            yield from _entries(inner)


def _comments(entry: Entry) -> Iterator[str]:
    yield from (comment.text for comment in (*entry.before, *entry.after))
    yield from (text for text in (entry.head, entry.tail) if text is not None)
    # A flow collection over several lines may hold some.
    if isinstance(entry.value, Leaf):
        yield entry.value.text


def _value(block: Block, name: str) -> Block | Leaf | None:
    found = (entry.value for entry in block.entries if _name(entry) == name)
    return next(found, None)


def _name(entry: Entry) -> str | None:
    return None if entry.key is None else entry.key.value
