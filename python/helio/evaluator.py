"""The door to the native evaluator: but for the reader of YAML, what all of Helio has of
`helio._core`.

Above: `policy`, `governance` and everything over them. Below: `rust/binding`. Pure: the native
core has no clock and no I/O; instants are nanoseconds that come in as arguments.

- `parse_message(body)` reads one JSON-RPC message by the strict envelope or raises
  `MalformedMessage`, whose `args` are `(reason, code, id, detail)`.
- `Message` and `inspect_answer(body)`'s `Answer` tell by `span`, `members`, `items` and
  `column` where in their bytes a value stands, so that it can be replaced there; looked up only
  when asked for.
- `Evaluator(graph)` loads a rule graph (JSON bytes) or raises `GraphError`; `decide` judges a
  `tools/call`.
- `Windows` counts: `reserve` and `reserve_budgets` before a call is forwarded, then `commit` or
  `release`.
- `Redactor(rules, key)` hides in bodies and texts what must not be written.
- `distinguish` tells sets of texts (globs, regular expressions, parts) apart, with examples, or
  raises `LanguageError`.
- `normalize_path`, `check_glob`, `check_regex` raise `PatternError`, whose `args` are `(offset,
  message)` with the offset in bytes of the text as UTF-8.

Sources: "The strict envelope", "The rule graph" and "Counting" in docs/architecture.md.
"""

from collections.abc import Mapping

from helio._core import (
    Answer,
    Breach,
    BudgetBreach,
    BudgetDemand,
    Decision,
    Demand,
    Evaluator,
    GraphError,
    LanguageError,
    Level,
    MalformedMessage,
    Message,
    PatternError,
    Redactor,
    Windows,
    canonical_json,
    check_glob,
    check_regex,
    compare_numbers,
    distinguish,
    glob_matches,
    graph_digest,
    inspect_answer,
    normalize_path,
    parse_message,
    select,
    tool_call,
)
from helio._core import __version__ as VERSION  # noqa: N812

__all__ = [
    "HINTS",
    "VERSION",
    "Answer",
    "Breach",
    "BudgetBreach",
    "BudgetDemand",
    "Decision",
    "Demand",
    "Evaluator",
    "GraphError",
    "LanguageError",
    "Level",
    "MalformedMessage",
    "Message",
    "PatternError",
    "Redactor",
    "Windows",
    "canonical_json",
    "check_glob",
    "check_regex",
    "compare_numbers",
    "distinguish",
    "glob_matches",
    "graph_digest",
    "inspect_answer",
    "normalize_path",
    "pack_hints",
    "parse_message",
    "select",
    "tool_call",
    "unpack_hints",
]

HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
"""The annotations that conditions can ask about, in the order of their bits and of every report."""

_KNOWN = 0b01
_TRUE = 0b10


def pack_hints(annotations: Mapping[str, object] | None) -> int:
    """Pack a tool's annotations into the mask that `Evaluator.decide` takes.

    Two bits for each of `HINTS`, the first in the lowest: whether it is known, and its value. What
    is absent or not a boolean is unknown, so that MCP's default applies (`ToolAnnotations` in the
    MCP schema). Returns an integer from 0 to 255.
    """
    mask = 0
    if not annotations:
        return mask
    for position, hint in enumerate(HINTS):
        value = annotations.get(hint)
        if isinstance(value, bool):
            mask |= (_KNOWN | (_TRUE if value else 0)) << (2 * position)
    return mask


def unpack_hints(mask: int) -> dict[str, bool]:
    """The annotations that `pack_hints` packed: those that are known, by name."""
    return {
        hint: bool(mask >> 2 * position & _TRUE)
        for position, hint in enumerate(HINTS)
        if mask >> 2 * position & _KNOWN
    }
