"""A call of an agent's own tool, and what Helio decided about it.

Above: `client`, the adapters. Below: nothing. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALLOWED = "allow"
PENDING = "require_approval"

_ENDED = {
    "denied": "A person denied this call",
    "timeout": "Nobody approved this call in time",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is about to be made. `origin` names the program that makes it; `arguments`, the
    schema, `annotations` and `metadata` are JSON values.
    """

    origin: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    agent_id: str | None = None
    description: str | None = None
    input_schema: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None

    def as_body(self) -> dict[str, Any]:
        """The call as `POST /evaluate` takes it, without what is not known."""
        described = {
            "name": self.tool,
            "description": self.description,
            "input_schema": self.input_schema,
            "annotations": self.annotations,
        }
        body = {
            "origin": self.origin,
            "agent_id": self.agent_id,
            "session_id": self.session_id,
            "tool": {name: value for name, value in described.items() if value is not None},
            "arguments": self.arguments,
            "metadata": self.metadata,
        }
        return {name: value for name, value in body.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What Helio decided: `decision` is allow, deny, require_approval, rate_limited, spend_limited,
    budget_exceeded or dry_run; `text` is what a model is to be told where it may not go on.
    """

    evaluation_id: str
    decision: str
    text: str
    reason: str | None = None
    rule: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        """Whether the call may be made."""
        return self.decision == ALLOWED

    @property
    def ticket(self) -> str | None:
        """The ticket of a call that is held while a person is asked; None for any other."""
        approval = self.body.get("approval") or {}
        held = approval.get("mode") == "hold" and approval.get("status") == "pending"
        return str(approval["ticket_id"]) if held and self.decision == PENDING else None

    def ended(self, body: Mapping[str, Any]) -> "Evaluation":
        """The same, when nothing waits any more for its ticket: what became of that denies."""
        status = (body.get("approval") or {}).get("status")
        feedback = {"message": _ENDED.get(str(status), f"The question about it ended: {status}")}
        return Evaluation.of({**self.body, **body, "decision": "deny", "feedback": feedback})

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Evaluation":
        """The answer of `POST /evaluate`. Raises `KeyError` where it is none."""
        return cls(
            evaluation_id=str(body["evaluation_id"]),
            decision=str(body["decision"]),
            text=_told(body),
            reason=body.get("reason"),
            rule=body.get("matched_rule"),
            body=body,
        )


class Blocked(Exception):
    """A call that Helio does not let through. The text is for the model: what is wrong, and what to
    do. `evaluation` is None where there was no decision.
    """

    def __init__(self, text: str, evaluation: Evaluation | None = None) -> None:
        super().__init__(text)
        self.evaluation = evaluation

    @property
    def retry_allowed(self) -> bool:
        """Whether the very same call can succeed later."""
        feedback = {} if self.evaluation is None else self.evaluation.body.get("feedback")
        return bool((feedback or {}).get("retry_allowed", True))

    @classmethod
    def undecided(cls, error: Exception) -> "Blocked":
        """A call about which nothing could be decided."""
        return cls(f"Blocked: no decision could be had, so this was not done: {error}")


def _told(body: Mapping[str, Any]) -> str:
    """Helio's words: those about the block and what to do, else the reason."""
    rehearsed = body.get("dry_run")
    if rehearsed is not None:
        return _rehearsed(rehearsed)
    feedback = body.get("feedback") or {}
    said = [str(feedback[part]) for part in ("message", "suggestion") if feedback.get(part)]
    if not said and body["decision"] == PENDING:
        said = ["A person has to approve this call, and nobody has yet", "Try it again later"]
    if not said:
        said = [str(body.get("reason") or body["decision"])]
    return "Blocked: " + _sentences(said)


def _rehearsed(dry_run: Mapping[str, Any]) -> str:
    """What would have become of a call that was not to be made."""
    said = ["Nothing was done", "This call would have been allowed"]
    if not dry_run.get("would_forward"):
        why = dry_run.get("message") or dry_run.get("reason")
        said[1] = f"This call would have been blocked: {why}"
    return "Dry run: " + _sentences(said)


def _sentences(said: list[str]) -> str:
    return " ".join(part if part[-1:] in ".!?" else f"{part}." for part in said)
