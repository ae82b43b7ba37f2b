"""YAML text into a tree of values with places, strictly.

Above: `helio.config`. Below: `plain_yaml`, PyYAML's event parser, `tree`. Pure. Stricter than YAML:
one document, no tags, no duplicate keys, text keys, only `true` and `false` are booleans, only
JSON's numbers are numbers. A plain document is read natively. Of every other one the tree is built
from events one by one, so that every cap is met before anything is expanded; they alone say what is
wrong.
"""

import re
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from helio.diagnostics import codes
from helio.diagnostics.diagnostic import Diagnostics, Label, quoted
from helio.diagnostics.ignoring import Ignore, ignores_in
from helio.diagnostics.masking import holds_credentials, is_secret_key, masked_line_by_line
from helio.diagnostics.nodes import Entry, Mapping, Scalar, Sequence, Span
from helio.diagnostics.plain_yaml import PLAIN
from helio.diagnostics.source import SourceText
from helio.diagnostics.syntax import explained
from helio.diagnostics.tree import (
    Node,
    Number,
    ScalarValue,
    opening,
    scalars_of,
)

MAXIMUM_BYTES = 4 * 1024 * 1024
MAXIMUM_DEPTH = 64
MAXIMUM_EXPANSION = 100_000
"""How many nodes all aliases of a file may stand for, together."""
MAXIMUM_NUMBER = 400
"""Characters of a number; its exponent has at most 18 digits. The evaluator's own caps."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?([0-9]+))?\Z")
_NUMBER_LIKE = re.compile(
    r"[-+]?(?:0[xXoObB][0-9a-fA-F_]+|[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))\Z|\.(?:nan|NaN|NAN)\Z"
)
_MAY_BE_NO_TEXT = frozenset(("", *"~ntf+-.0123456789"))
"""What plain scalars begin with that mean something else than their characters."""
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")
"""Line breaks to YAML 1.1 and to libyaml, none to YAML 1.2 and to editors: what looks like a
comment could go on as a rule.
"""
_Parser: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""Only its events are used, never its constructors."""


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What was read. `root` is None when there is no tree at all; the diagnostics then say why."""

    root: Node | None
    source: SourceText
    diagnostics: Diagnostics
    ignores: tuple[Ignore, ...] = ()


class _Refused(Exception):
    """Ends the reading; the diagnostic has been added."""


class _Frame:
    """A collection that is still open. A mapping's parts are its keys and values in turn; `inner`
    is how many nodes its parts stand for beyond themselves.
    """

    __slots__ = ("anchor", "inner", "is_mapping", "parts", "span")

    def __init__(self, is_mapping: bool, span: Span, anchor: str | None) -> None:
        self.is_mapping = is_mapping
        self.span = span
        self.anchor = anchor
        self.parts: list[Node] = []
        self.inner = 0

    @property
    def size(self) -> int:
        """How many nodes it stands for."""
        return 1 + len(self.parts) + self.inner


def parse_yaml(text: str, file: str) -> YamlDocument:
    """Reads one document. All faults of form are collected; a syntax error ends the reading."""
    text = text.removeprefix("\ufeff")
    source = SourceText(file, text)
    plain = PLAIN.read(text)
    if plain is None:
        return parse_by_events(text, source)
    root, secrets, with_hash = plain
    shown = source.with_masked(secrets)
    return YamlDocument(root, shown, Diagnostics(file), ignores_in(text, with_hash))


def parse_by_events(text: str, source: SourceText) -> YamlDocument:
    """The same of any document, plain or not; `source` has the text."""
    file = source.path
    builder = _Builder(source, Diagnostics(file))
    try:
        builder.read(text)
    except yaml.reader.ReaderError as error:
        # libyaml counts this position in bytes of UTF-8.
        characters = len(text.encode()[: error.position].decode("utf-8", "replace"))
        place = source.place(characters)
        builder.fault(codes.SYNTAX, "a control character stands in the file", place)
    except yaml.MarkedYAMLError as error:
        builder.fault(codes.SYNTAX, *explained(error, source, builder.opened))
    except _Refused:
        pass
    else:
        shown = source.with_masked(builder.secrets)
        ignores = ignores_in(text, builder.with_hash)
        return YamlDocument(builder.root, shown, builder.diagnostics, ignores)
    return YamlDocument(None, masked_line_by_line(source), builder.diagnostics)


class _Builder:
    """Takes events, keeps the open collections on a stack."""

    def __init__(self, source: SourceText, diagnostics: Diagnostics) -> None:
        self._source = source
        self.diagnostics = diagnostics
        self.root: Node | None = None
        self.secrets: list[Span] = []
        self.with_hash: list[Span] = []
        """The keys and values that hold a `#`."""
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open_anchors: set[str] = set()
        self._expansion = 0

    def fault(self, code: codes.Code, message: str, span: Span, hint: str | None = None) -> None:
        """Adds a finding; its path is not known yet."""
        self.diagnostics.add(code, message, span, hint=hint)

    @property
    def opened(self) -> Span | None:
        """Where the innermost collection begins that is still open."""
        return self._stack[-1].span if self._stack else None

    def read(self, text: str) -> None:
        """Consumes the whole text. Raises yaml's errors, and `_Refused` when a cap is met."""
        self._check_characters(text)
        parser = _Parser(text)
        documents = 0
        while True:
            event = parser.get_event()
            kind = type(event)
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, kind is MappingStartEvent)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    message = "a second document begins here"
                    self._refuse(codes.SEVERAL_DOCUMENTS, message, _span(event))
            elif kind is StreamEndEvent:
                return

    def _check_characters(self, text: str) -> None:
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            place = self._source.place(error.start)
            self._refuse(codes.ENCODING, "a lone surrogate is no character", place)
        if size > MAXIMUM_BYTES:
            message = f"the file has {size:,} bytes, more than {MAXIMUM_BYTES:,}"
            self._refuse(codes.TOO_LARGE, message, self._source.place(0))
        odd = _ODD_BREAK.search(text)
        if odd is not None:
            message = "a line break that only some readers see"
            hint = "write it as an escape in double quotes: `\\N`, `\\L` or `\\P`"
            self._refuse(codes.SYNTAX, message, self._source.place(odd.start()), hint)

    def _refuse(
        self, code: codes.Code, message: str, span: Span, hint: str | None = None
    ) -> NoReturn:
        self.fault(code, message, span, hint)
        raise _Refused

    def _open(self, event: Any, is_mapping: bool) -> None:
        if len(self._stack) >= MAXIMUM_DEPTH:
            message = f"nested more than {MAXIMUM_DEPTH} levels deep"
            self._refuse(codes.TOO_DEEP, message, _span(event))
        self._untagged(event)
        if event.anchor is not None:
            self._open_anchors.add(event.anchor)
        self._stack.append(_Frame(is_mapping, _span(event), event.anchor))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        span = self._closed_span(frame, event)
        node: Node
        if frame.is_mapping:
            node = Mapping(self._entries(frame), span)
        else:
            node = Sequence(tuple(frame.parts), span)
        if frame.anchor is not None:
            self._open_anchors.discard(frame.anchor)
        self._place(node, frame.anchor, frame.size)

    @staticmethod
    def _closed_span(frame: _Frame, event: Any) -> Span:
        end = event.end_mark
        if end.column != event.start_mark.column or end.line != event.start_mark.line:
            return Span(frame.span.line, frame.span.column, end.line + 1, end.column + 1)
        # A block collection ends where the next token begins: rather end it with its last part.
        last = frame.parts[-1].span if frame.parts else frame.span
        if (last.end_line, last.end_column) < (frame.span.line, frame.span.column):
            last = frame.span
        return Span(frame.span.line, frame.span.column, last.end_line, last.end_column)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        found = self._anchors.get(name)
        if found is None or name in self._open_anchors:
            why = "stands inside its own anchor" if name in self._open_anchors else "has no anchor"
            hint = f"quote it when it is a text: `'*{name}'`"
            self._refuse(codes.ALIAS, f"the alias {quoted('*' + name)} {why}", _span(event), hint)
        node, size = found
        self._expansion += size
        if self._expansion > MAXIMUM_EXPANSION:
            message = f"aliases stand for more than {MAXIMUM_EXPANSION:,} values"
            self._refuse(codes.EXPANSION, message, _span(event))
        self._place(node, None, size)

    def _scalar(self, event: Any) -> None:
        # Most events are scalars: what few of them need is asked in place, before it is called.
        text = event.value
        if event.tag is not None:
            self._untagged(event)
        span = _span(event)
        if not text:
            # An absent value may be reported beyond the end of the text.
            span = self._source.within(span)
        elif "#" in text:
            self.with_hash.append(span)
        lead = 1 if event.style else 0
        value = text if lead or text[:1] not in _MAY_BE_NO_TEXT else self._resolved(text, span)
        line, column, end_line, end_column = span
        exact = line == end_line and end_column - column == len(text) + 2 * lead
        scalar = Scalar(value, span, lead if exact else None)
        if "://" in text and isinstance(value, str) and holds_credentials(value):
            self.secrets.append(span)
        if event.anchor is None and self._stack:
            self._stack[-1].parts.append(scalar)
        else:
            self._place(scalar, event.anchor, 1)

    def _resolved(self, text: str, span: Span) -> ScalarValue:
        """What a plain scalar means that may be no text."""
        match text:
            case "" | "~" | "null":
                return None
            case "true":
                return True
            case "false":
                return False
        if text[0] in "~ntf":
            return text
        number = _NUMBER.match(text)
        if number is not None:
            if len(text) > MAXIMUM_NUMBER or len(number[1] or "") > 18:
                self.fault(codes.NUMBER_FORM, "a number is too long", span)
            return Number(text)
        if _NUMBER_LIKE.match(text):
            message = "this looks like a number, but not one that JSON has"
            hint = "quote it if it is text, or write a decimal number such as `10`, `0.5` or `1e3`"
            self.fault(codes.NUMBER_FORM, message, span, hint)
        return text

    def _untagged(self, event: Any) -> None:
        if event.tag is not None:
            span = _span(event)
            self.fault(codes.TAG, f"the tag {quoted(event.tag)} is not used here", span)

    def _place(self, node: Node, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.parts.append(node)
        frame.inner += size - 1

    def _entries(self, frame: _Frame) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        parts = iter(frame.parts)
        for key_node, value in zip(parts, parts, strict=True):
            key = self._key(key_node)
            if key is None:
                continue
            text = str(key.value)
            if is_secret_key(text):
                self.secrets.extend(scalar.span for scalar in scalars_of(value))
            if text == "<<" and key.lead == 0:
                merged.append(value)
                continue
            first = entries.get(text)
            if first is None:
                entries[text] = Entry(key, value)
                continue
            message = f"the key {quoted(text)} stands twice"
            hint = f"it is at line {first.key.span.line}, column {first.key.span.column} already"
            related = [Label(first.key.span, "the first one")]
            self.diagnostics.add(codes.DUPLICATE_KEY, message, key.span, hint=hint, related=related)
        for value in merged:
            self._merge(entries, value)
        return entries

    def _key(self, node: Node) -> Scalar | None:
        """The key as text; None for what cannot be one."""
        if isinstance(node, Scalar) and type(node.value) is str:
            return node
        if not isinstance(node, Scalar):
            self.fault(codes.KEY_NOT_TEXT, f"a key is text, not a {node.kind}", opening(node))
            return None
        match node.value:
            case Number(text=text):
                pass
            case None:
                text = "null"
            case _:
                text = str(node.value).lower()
        message = f"the key {quoted(text)} is not text"
        hint = f"quote it: `'{text}'`"
        self.diagnostics.add(codes.KEY_NOT_TEXT, message, node.span, hint=hint, fix=f"'{text}'")
        return Scalar(text, node.span)

    def _merge(self, entries: dict[str, Entry], value: Node) -> None:
        sources = value.items if isinstance(value, Sequence) else (value,)
        for source in sources:
            if isinstance(source, Mapping):
                for key, entry in source.entries.items():
                    entries.setdefault(key, entry)
            else:
                self.fault(codes.MERGE, "`<<` merges mappings only", source.span)


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
