"""Findings as values: one `Diagnostic`, and the sorted list that commands show.

Above: the loaders and the compiler, which make them; the commands, which show them. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from helio.diagnostics.codes import Code, Severity
from helio.diagnostics.nodes import Span
from helio.diagnostics.source import as_object
from helio.diagnostics.tree import Interpolated


class Label(NamedTuple):
    """Another place of the same file that a finding is about, and what stands there."""

    span: Span
    text: str


_SHORT = 3
"""Words of so many characters and less are not taken for others."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `path` is where it is in the configuration (`policies.rules[2].match.tool`),
    empty for the whole file. `witness` is a call that shows the fault, where there is one.
    `related` are the other places that one must look at to understand it. `fix` is what to
    write in place of the span, where nothing else can have been meant.
    """

    code: str
    severity: Severity
    message: str
    hint: str | None
    file: str
    span: Span
    path: str = ""
    witness: object = None
    related: tuple[Label, ...] = ()
    fix: str | None = None

    def as_object(self) -> dict[str, object]:
        """The finding as JSON output has it (product reference, "The command line")."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
            "file": self.file,
            **as_object(self.span),
            "path": self.path,
            "witness": self.witness,
            "related": [{"text": label.text, **as_object(label.span)} for label in self.related],
            "fix": self.fix,
        }


class Diagnostics:
    """The findings about one file. Iterated in the order people read in: by place."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[str, str, Span], Diagnostic] = {}

    def add(
        self,
        code: Code,
        message: str,
        span: Span,
        path: str = "",
        hint: str | None = None,
        *,
        related: Iterable[Label] = (),
        fix: str | None = None,
        witness: object = None,
    ) -> None:
        """Records one finding. What was said of the same place before is not repeated: an alias
        leads several paths to one place, and it is mended once.
        """
        found = Diagnostic(
            *(code.id, code.severity, message, hint, self.file, span, path),
            witness=witness,
            related=tuple(related),
            fix=fix,
        )
        self._found.setdefault((code.id, message, span), found)

    def ignore(self, code: Code, line: int) -> bool:
        """Takes away the findings of a code that begin in a line; whether there were any."""
        ignored = [
            key for key, each in self._found.items() if key[0] == code.id and each.span.line == line
        ]
        for key in ignored:
            del self._found[key]
        return bool(ignored)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found.values(), key=_place))

    def __len__(self) -> int:
        return len(self._found)

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(found.severity == severity for found in self._found.values())

    @property
    def has_errors(self) -> bool:
        """Whether anything forbids to use the file."""
        return any(found.severity == "error" for found in self._found.values())


def _place(found: Diagnostic) -> tuple[str, int, int, str, str]:
    return (found.file, found.span.line, found.span.column, found.code, found.message)


def near_miss(written: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if one is near."""
    by_folded = {_folded(word): word for word in known}
    near = get_close_matches(_folded(written), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def only_typo(written: str, known: Iterable[str]) -> str | None:
    """The known word that must have been meant: the only one that differs by one character at most
    (added, left out, another one, or changed places with the next), case, `-` and `_` aside. Short
    words are too near to each other.
    """
    meant = _folded(written)
    near = [word for word in known if _is_near(meant, _folded(word))]
    return near[0] if len(near) == 1 and len(meant) > _SHORT else None


def _is_near(one: str, other: str) -> bool:
    """Whether at most one character must be added, removed, replaced or moved by one place."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _folded(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")


def quoted(text: str, limit: int = 60) -> str:
    """What a user wrote, in backticks: shortened, and harmless to a terminal. Of an interpolated
    text only what the file says.
    """
    if isinstance(text, Interpolated):
        text = text.source
    shortened = text if len(text) <= limit else text[: limit - 1] + "…"
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in shortened
    )
    return f"`{shown}`"
