"""What a diagnostic code is, and the codes of YAML's own faults and of ignores (`HL0..`).

Above: the codes of `helio.config` (`HL1..` to `HL3..`) and of `helio.policy` (`HL4..`). Pure. A
code never changes its meaning; docs/diagnostics.md lists them all.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding: its stable `id`, how bad it is, a title and what to do about it."""

    id: str
    severity: Severity
    title: str
    remedy: str


SYNTAX = Code(
    "HL001",
    "error",
    "The file is not YAML",
    "Correct the syntax at the place shown. Indent with spaces, never with tabs.",
)
DUPLICATE_KEY = Code(
    "HL002",
    "error",
    "A key stands twice in one mapping",
    "Remove one of them; which one would win differs between parsers.",
)
NUMBER_FORM = Code(
    "HL003",
    "error",
    "A number in a form that JSON does not have",
    "Write a decimal number such as `10`, `0.5` or `1e3`, or quote it when it is text.",
)
KEY_NOT_TEXT = Code(
    "HL004",
    "error",
    "A key that is not text",
    "Quote the key.",
)
TAG = Code(
    "HL005",
    "error",
    "A YAML tag",
    "Remove the tag (`!…`); values have the type that their form says.",
)
SEVERAL_DOCUMENTS = Code(
    "HL006",
    "error",
    "Several documents in one file",
    "Keep one document in each file.",
)
TOO_LARGE = Code(
    "HL007",
    "error",
    "The file is too large",
    "A configuration has at most 4 MiB.",
)
TOO_DEEP = Code(
    "HL008",
    "error",
    "The file is nested too deeply",
    "A configuration is nested at most 64 levels deep.",
)
EXPANSION = Code(
    "HL009",
    "error",
    "Aliases expand to too much",
    "All aliases of a file together may stand for at most 100,000 values.",
)
ALIAS = Code(
    "HL010",
    "error",
    "An alias without its anchor",
    "Define the anchor (`&name`) above the alias (`*name`), and not around it.",
)
MERGE = Code(
    "HL011",
    "error",
    "A merge key without a mapping",
    "`<<` takes an alias of a mapping, or a list of them.",
)
ENCODING = Code(
    "HL012",
    "error",
    "The file is not UTF-8",
    "Save the file as UTF-8.",
)
UNUSED_IGNORE = Code(
    "HL013",
    "warning",
    "An ignore of something that is not found",
    "Remove it: it would hide what comes later. It is for its own line, or, in a line of its own, "
    "for the next one.",
)
UNFIT_IGNORE = Code(
    "HL014",
    "warning",
    "An ignore that can do nothing",
    "Name the code of a warning or a note: `# helio: ignore[HL425]`. Errors cannot be ignored.",
)

SYNTAX_CODES = (
    SYNTAX,
    DUPLICATE_KEY,
    NUMBER_FORM,
    KEY_NOT_TEXT,
    TAG,
    SEVERAL_DOCUMENTS,
    TOO_LARGE,
    TOO_DEEP,
    EXPANSION,
    ALIAS,
    MERGE,
    ENCODING,
    UNUSED_IGNORE,
    UNFIT_IGNORE,
)
