"""Writes a layout: two spaces a level, one empty line at most, quotes where they are needed. Pure.

Above: `formatter`. Below: `layout`. What stands over several lines within one value keeps its
lines, and is only moved.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from helio.policy.formatting.layout import Block, Comment, Document, Entry, Leaf

_STEP: Final = 2
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_OTHERWISE: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that some reader of YAML takes for something else."""


def written(document: Document, root: Block, rules: Block | None) -> str:
    """The text of a document, whose `root` is a block. Entries of `rules` stand apart."""
    lines: list[str] = []
    if document.opening is not None:
        lines += _comments(document.opening, "", first=True)
        lines.append("---")
    lines += _Writer(rules).block(root, 0)
    lines += _comments(document.closing, "", first=not lines)
    return "\n".join(lines) + "\n"


class _Writer:
    """Writes the blocks of one document."""

    def __init__(self, rules: Block | None) -> None:
        self._rules = rules

    def block(self, block: Block, indent: int) -> list[str]:
        """The lines of a block that stands so many columns in."""
        lines: list[str] = []
        before: list[str] = []
        kept = False
        for entry in block.entries:
            now = list(self._entry(entry, indent))
            between = block is self._rules and max(len(before), len(now)) > 1
            if lines and (between or _begins_apart(entry)) and not kept:
                lines.append("")
            lines += now
            before = now
            kept = _ends_kept(entry)
        return lines

    def _entry(self, entry: Entry, indent: int) -> Iterator[str]:
        pad = " " * indent
        yield from _comments(entry.before, pad, first=True)
        if entry.before and entry.blank:
            yield ""
        yield from self._filled(entry, indent)
        yield from _comments(entry.after, pad, first=False)

    def _filled(self, entry: Entry, indent: int) -> Iterator[str]:
        """The key or the dash with its value."""
        pad = " " * indent
        lead = pad + ("-" if entry.key is None else _key(entry.key))
        head = "" if entry.head is None else f"  {entry.head}"
        value = entry.value
        if value is None:
            yield lead + head
        elif isinstance(value, Block):
            inner = self.block(value, indent + _STEP)
            anchor = "" if value.anchor is None else f" &{value.anchor}"
            beside = entry.key is None and not (head or anchor or value.entries[0].before)
            if beside:
                inner[0] = f"{lead} {inner[0].lstrip()}"
            else:
                yield lead + anchor + head
            yield from inner
        else:
            tail = "" if entry.tail is None else f"  {entry.tail}"
            first, *others = _lines(value, indent, entry.column)
            if head:
                yield lead + head
                lead = pad + " " * (_STEP - 1)
            if not others:
                yield f"{lead} {first}{tail}"
                return
            yield f"{lead} {first}"
            yield from others[:-1]
            yield others[-1] + tail


def _ends_kept(entry: Entry) -> bool:
    """Whether an empty line behind an entry would be a part of its value."""
    if entry.after or entry.value is None:
        return False
    if isinstance(entry.value, Leaf):
        return entry.value.keeps
    return _ends_kept(entry.value.entries[-1])


def _begins_apart(entry: Entry) -> bool:
    """Whether an empty line stands before an entry with its comments."""
    return entry.before[0].blank if entry.before else entry.blank


def _comments(comments: Sequence[Comment], pad: str, *, first: bool) -> Iterator[str]:
    """Comments in lines of their own; `first`: no empty line before the first one."""
    for comment in comments:
        if comment.blank and not first:
            yield ""
        yield pad + (" " * _STEP if comment.within else "") + comment.text
        first = False


def _key(leaf: Leaf) -> str:
    text = _one_line(leaf)
    # A `:` right behind an alias would be a part of its name.
    return f"{text} :" if text.startswith("*") else f"{text}:"


def _lines(leaf: Leaf, indent: int, old_indent: int) -> list[str]:
    """A value's lines where its entry stands `indent` columns in, and stood `old_indent`."""
    first, *others = leaf.text.split("\n")
    if not others:
        return [_one_line(leaf)]
    if leaf.style in ("|", ">"):
        within = min((_depth(line) for line in others if line.strip()), default=0)
        pad = " " * (indent + _STEP)
        return [
            first.rstrip(),
            *(f"{pad}{line[within:]}" if line.strip() else "" for line in others),
        ]
    if leaf.parts is None:
        pad = " " * (indent + _STEP)
        return [first.rstrip(), *(pad + line.strip() if line.strip() else "" for line in others)]
    moved = indent - old_indent
    return [first.rstrip(), *(_moved(line, moved) for line in others)]


def _moved(line: str, columns: int) -> str:
    if not line.strip():
        return ""
    return " " * max(0, _depth(line) + columns) + line.strip()


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _one_line(leaf: Leaf) -> str:
    """A value that stands in one line."""
    if leaf.parts is None or leaf.bracket is None or not _is_plain_flow(leaf):
        return _unquoted(leaf)
    anchor = "" if leaf.anchor is None else f"&{leaf.anchor} "
    inner = [
        _one_line(value) if key is None else f"{_key(key)} {_one_line(value)}"
        for key, value in leaf.parts
    ]
    joined = ", ".join(inner)
    if leaf.bracket == "[":
        return f"{anchor}[{joined}]"
    return f"{anchor}{{ {joined} }}" if joined else f"{anchor}{{}}"


def _is_plain_flow(leaf: Leaf) -> bool:
    """Whether nothing is left out in a flow collection, as in `{a, b:}`."""
    inner = [each for pair in leaf.parts or () for each in pair if each is not None]
    return all(each.text and "\n" not in each.text for each in inner)


def _unquoted(leaf: Leaf) -> str:
    """A scalar with the quotes that it needs: none, single ones, or those that it has."""
    value = leaf.value
    if value is None or leaf.anchor is not None or leaf.style not in ("'", '"'):
        return leaf.text
    if _WORD.fullmatch(value) and value.lower() not in _OTHERWISE:
        return value
    if leaf.style == '"' and "\\" not in leaf.text and "'" not in value:
        return f"'{value}'"
    return leaf.text
