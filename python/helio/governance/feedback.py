"""What the agent is told: blocked calls and dry runs as values, and as JSON-RPC answers.

Above: `helio.pipeline`. Below: `helio.protocol`. Pure. The texts never hold the values of limit
keys (they may name other sessions), nor anything that was configured as a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import orjson

from helio.evaluator import Breach
from helio.protocol.jsonrpc import error_answer, result_answer

BLOCKED_CODE = -31001
"""JSON-RPC code of a blocked call under `blocked_as: error`."""
UPSTREAM_CODE = -31002
"""JSON-RPC code of a call whose upstream could not be reached or gave no usable answer."""

BlockedAs = Literal["tool_result", "error"]


@dataclass(frozen=True, slots=True)
class Block:
    """Why a call is blocked.

    `decision` is the audit's `policy_decision`; `rule` the deciding rule's label and `rule_index`
    its place in the file, both None when no rule decided. `retry_allowed`: the same call can
    succeed later.
    `details` are the fields of this reason (product reference, "What the agent gets when blocked").
    """

    reason: str
    decision: str
    action: str
    message: str
    suggestion: str | None = None
    rule: str | None = None
    rule_index: int | None = None
    retry_allowed: bool = False
    details: Mapping[str, object] = field(default_factory=dict)

    def as_object(self, call_id: str, policy: str) -> dict[str, object]:
        """The object that agents and scripts read; `policy` is the digest of the rules."""
        return {
            "blocked": True,
            "reason": self.reason,
            "rule": self.rule,
            "rule_index": self.rule_index,
            "action": self.action,
            "message": self.message,
            "suggestion": self.suggestion,
            "retry_allowed": self.retry_allowed,
            **self.details,
            "call_id": call_id,
            "policy": policy,
        }

    def text(self) -> str:
        """The sentence a model reads: what is wrong, then what to do."""
        sentences = [_sentence(self.message)]
        if self.suggestion:
            sentences.append(_sentence(self.suggestion))
        return "Blocked: " + " ".join(sentences)


def blocked_answer(
    id_: bytes,
    block: Block,
    call_id: str,
    policy: str,
    form: BlockedAs,
    *,
    declares_output: bool,
    modern: bool = False,
) -> bytes:
    """The JSON-RPC answer of a blocked call in the configured form.

    As a tool result the object also stands in `structuredContent`, unless the tool declares an
    `outputSchema`: clients validate against it, errors included. `modern`: the call was sent in
    2026-07-28, where every result says of what type it is.
    """
    told = block.as_object(call_id, policy)
    if form == "error":
        return error_answer(id_, BLOCKED_CODE, block.text(), told)
    result: dict[str, object] = {
        "isError": True,
        "content": [{"type": "text", "text": block.text()}],
        "_meta": {"helio/blocked": told},
    }
    if not declares_output:
        result["structuredContent"] = told
    return result_answer(id_, _typed(result, modern=modern))


def dry_run_answer(
    id_: bytes, told: Mapping[str, object], *, declares_output: bool, modern: bool = False
) -> bytes:
    """The answer of a dry run: what would have happened, as text and in `_meta`.

    A tool with an `outputSchema` gets `isError: true`, because clients refuse a result of such a
    tool that is neither structured as declared nor an error. `modern` as in `blocked_answer`.
    """
    result: dict[str, object] = {
        "isError": declares_output,
        "content": [{"type": "text", "text": orjson.dumps(told).decode()}],
        "_meta": {"helio/dry_run": told},
    }
    return result_answer(id_, _typed(result, modern=modern))


def upstream_failure_answer(id_: bytes, reason: str, message: str, call_id: str | None) -> bytes:
    """The JSON-RPC error for an upstream that gave no answer: `data` holds `reason` and `call_id`.

    It is the same in every revision, and goes with HTTP 200: only the codes that the specification
    gives a status have another one (2026-07-28), and clients hang on a 5xx.
    """
    return error_answer(id_, UPSTREAM_CODE, message, {"reason": reason, "call_id": call_id})


def exact(decimal: str) -> orjson.Fragment:
    """A decimal text as a JSON number with all its digits (orjson would round a float)."""
    return orjson.Fragment(decimal)


def instant(wall: int) -> str:
    """Wall time in nanoseconds since 1970 as ISO 8601 UTC with microseconds."""
    whole, nanoseconds = divmod(wall, 1_000_000_000)
    return f"{_second(whole)}.{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=8)
def _second(since_1970: int) -> str:
    """A whole second as text: the calls of one second share it."""
    return datetime.fromtimestamp(since_1970, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def limit_details(breach: Breach, wall: int) -> dict[str, object]:
    """The fields of `rate_limited` and `spend_limited`. `reset_at` is null when no wait helps."""
    demand = breach.demand
    reset_at = None if breach.reset_ns is None else instant(wall + breach.reset_ns)
    shared = {
        "window_seconds": seconds(demand.window_ms),
        "key": key_names(demand.key),
        "reset_at": reset_at,
    }
    if demand.kind == "rate":
        return {
            "current_calls": exact(breach.current),
            "max_calls": exact(demand.maximum),
            **shared,
        }
    return {
        "current_spend": exact(breach.current),
        "max_spend": exact(demand.maximum),
        "attempted_amount": exact(demand.amount),
        "currency": demand.currency,
        **shared,
    }


def seconds(milliseconds: int) -> int | float:
    """A duration in seconds; whole ones as integers."""
    whole, rest = divmod(milliseconds, 1000)
    return whole if rest == 0 else milliseconds / 1000


def key_names(key: str) -> str | list[str]:
    """What a window is kept by (`tool`, `[session, tool]`), without the values that it is kept
    for."""
    names = [part.partition("=")[0] for part in key.split("|")]
    return names[0] if len(names) == 1 else names


def _typed(result: Mapping[str, object], *, modern: bool) -> Mapping[str, object]:
    """`result` with its type where results have one (2026-07-28, Overview, "ResultType")."""
    return {"resultType": "complete", **result} if modern else result


def _sentence(text: str) -> str:
    """`text` with a mark at its end, so that message and suggestion read as two sentences."""
    stripped = text.rstrip()
    return stripped if stripped.endswith((".", "!", "?", "…", ":", ")")) else stripped + "."
