"""Findings as values: one `Diagnostic`, and the sorted list that commands show.

Above: the loaders and the compiler, which make them; the commands, which show them. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from helio.diagnostics.codes import Code, Severity
from helio.diagnostics.source import Span
from helio.diagnostics.tree import Interpolated


class Label(NamedTuple):
    """Another place of the same file that a finding is about, and what stands there."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `path` is where it is in the configuration (`policies.rules[2].match.tool`),
    empty for the whole file. `witness` is a call that shows the fault, where there is one.
    `related` are the other places that one must look at to understand it.
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

    def as_object(self) -> dict[str, object]:
        """The finding as JSON output has it (product reference, "The command line")."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
            "file": self.file,
            **self.span._asdict(),
            "path": self.path,
            "witness": self.witness,
            "related": [{"text": label.text, **label.span._asdict()} for label in self.related],
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
    ) -> None:
        """Records one finding. What was said of the same place before is not repeated: an alias
        leads several paths to one place, and it is mended once.
        """
        found = Diagnostic(
            code.id, code.severity, message, hint, self.file, span, path, related=tuple(related)
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
