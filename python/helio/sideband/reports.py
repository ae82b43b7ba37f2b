"""What an adapter reports of a call that ran, or did not: read from the body of `POST /audit`.

Above: `adapters`, `evaluations`. Below: `body`, `helio.evaluator` (JSON as it came),
`helio.governance.store` (amounts). Pure.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from helio.evaluator import canonical_json, select
from helio.governance.store import amount_of
from helio.sideband import body

MOST_EVIDENCE: Final = 100
"""Marks of one report."""
_REPORT: Final = frozenset(
    {
        *("evaluation_id", "status", "error", "duration_ms", "result"),
        *("actual_amount", "evidence"),
    }
)
_MARK: Final = frozenset({"tool_name", "evidence_key", "data", "ttl"})
STATUSES: Final = ("success", "error", "not_executed")
"""What may have come of a call."""
LONGEST_MS: Final = 7 * 24 * 3600 * 1000
"""What a call may have taken, in ms."""
DECIMAL: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
"""An amount as a text."""


@dataclass(frozen=True, slots=True)
class GivenMark:
    """A mark that a call gives. `members` are those of the body, `data` the JSON text under that
    key; `where` is its place there, for people."""

    members: Mapping[str, Any]
    data: bytes
    where: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a call. `result` is JSON; `error` what the tool said, empty for nothing;
    `latency` in nanoseconds; `actual_amount` a decimal text: what it cost."""

    status: Literal["success", "error", "not_executed"]
    error: str = ""
    result: bytes | None = None
    latency: int = 0
    actual_amount: str | None = None
    evidence: tuple[GivenMark, ...] = ()

    def digest(self) -> bytes:
        """Equal for equal reports, however their JSON is laid out."""
        told = repr(
            (
                *(self.status, self.error, self.latency, self.actual_amount),
                None if self.result is None else canonical_json(self.result),
                [
                    (*_marked(each.members), canonical_json(each.data), each.members.get("ttl"))
                    for each in self.evidence
                ],
            )
        )
        return hashlib.sha256(told.encode(errors="surrogatepass")).digest()


def read(raw: bytes) -> tuple[str, Report]:
    """The id of an evaluation, and what is reported of it. Raises `Refused`."""
    found = body.members(body.decoded(raw), _REPORT)
    evaluation_id = body.name(found, "evaluation_id")
    status = found.get("status")
    if status not in STATUSES:
        raise body.invalid(f"status: is not one of {', '.join(STATUSES)}")
    error = found.get("error")
    if error is not None and not isinstance(error, str):
        raise body.invalid("error: is not a text")
    took = found.get("duration_ms", 0)
    if isinstance(took, bool) or not isinstance(took, int | float) or not 0 <= took <= LONGEST_MS:
        raise body.invalid("duration_ms: is not a number of milliseconds")
    result = _result(found, raw) if "result" in found else None
    amount = _amount(found, raw)
    if amount is not None and status == "not_executed":
        raise body.invalid("actual_amount: a call that was not executed costs nothing")
    evidence = _evidence(found, raw)
    if evidence and status != "success":
        raise body.invalid("evidence: only a call that succeeded gives evidence")
    latency = int(took * 1_000_000)
    return evaluation_id, Report(status, error or "", result, latency, amount, evidence)


def _result(found: Mapping[str, Any], raw: bytes) -> bytes:
    """`result`, as it came. What a tool says is not the adapter's to choose: where its keys differ
    by case alone it is kept all the same, its numbers written anew."""
    try:
        return select("$.result", raw)[0]
    except ValueError:
        return orjson.dumps(found["result"])


def _amount(found: Mapping[str, Any], raw: bytes) -> str | None:
    """`actual_amount`, every digit of it: a number, or a text of digits."""
    given = found.get("actual_amount")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise body.invalid("actual_amount: is neither a number nor a text of digits")
    if isinstance(given, str) and not DECIMAL.fullmatch(given):
        raise body.invalid("actual_amount: is not a text of digits, with or without a point")
    try:
        return amount_of(given if isinstance(given, str) else _lexeme(raw))
    except ValueError as error:
        raise body.invalid(f"actual_amount: {error}") from None


def _lexeme(raw: bytes) -> str:
    return body.selected("$.actual_amount", raw)[0].decode()


def _evidence(found: Mapping[str, Any], raw: bytes) -> tuple[GivenMark, ...]:
    given = found.get("evidence")
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_EVIDENCE:
        raise body.invalid(f"evidence: is not a list of at most {MOST_EVIDENCE} marks")
    places = [f"evidence[{index}]." for index in range(len(given))]
    for each, where in zip(given, places, strict=True):
        if "data" not in body.members(each, _MARK, where):
            raise body.invalid(f"{where}data: is missing")
    # As they came, every digit; all of them have it, so that they are in step.
    documents = body.selected("$.evidence[*].data", raw)
    return tuple(map(GivenMark, given, documents, places))


def _marked(members: Mapping[str, Any]) -> tuple[object, object]:
    return members.get("tool_name"), members.get("evidence_key")
