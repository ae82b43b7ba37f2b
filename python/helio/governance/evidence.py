"""Whether what a call needs to have happened before did happen: evidence and earlier calls.

Above: `helio.governance.sessions` (keeps the facts), `helio.pipeline` (asks). Below:
`helio.evaluator`. Pure: instants are nanoseconds of one monotonic clock and come in. The rules are
those of "Evidence" and "Requires" in the product reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from helio.evaluator import select

CALL_TTL_NS: Final = 300 * 1_000_000_000
"""How long a successful call is evidence, from its outcome on."""


class Completion(NamedTuple):
    """The last success of a tool: when, and by which call."""

    at: int
    call_id: str


class Proof(NamedTuple):
    """What was looked at counts before the instant `until`; `by` is the `call_id`, or `mark`."""

    until: int
    by: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known of one session at the instant `at`, as far as somebody asked for it.

    `called` are the tools that were forwarded, `completed` those that succeeded. `proofs` are by
    name and by canonical JSON: the arguments of a call, or the data of a mark.
    """

    at: int
    labels: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    completed: Mapping[str, Completion] = field(default_factory=dict)
    proofs: Mapping[str, Mapping[bytes, Proof]] = field(default_factory=dict)


Bind = Sequence[tuple[str, str]]
"""Paths into this call's arguments, each with one into what it must equal."""


class Finding(NamedTuple):
    """Whether a requirement is met, and by what (`Proof.by`); `expired`: it was met once."""

    state: Literal["met", "expired", "missing"]
    by: str | None = None


_MISSING: Final = Finding("missing")


def find_evidence(facts: SessionFacts, name: str, bind: Bind, arguments: bytes) -> Finding:
    """Whether there is evidence `name` for a call with these canonical `arguments`.

    With `bind`, all pairs must hold against one and the same call or mark: each path selects
    exactly one value, and the two are the same JSON, types included.
    """
    proofs = list(_proofs(facts, name, bind, arguments))
    if not proofs:
        return _MISSING
    latest = max(proofs)
    return Finding("met" if latest.until > facts.at else "expired", latest.by)


def find_call(facts: SessionFacts, tool: str, *, success: bool) -> Finding:
    """Whether the session called `tool`, and with success where that is asked for."""
    completion = facts.completed.get(tool)
    if completion is not None:
        return Finding("met", completion.call_id)
    return Finding("met") if not success and tool in facts.called else _MISSING


def _proofs(facts: SessionFacts, name: str, bind: Bind, arguments: bytes) -> Sequence[Proof]:
    kept = facts.proofs.get(name, {})
    if not bind:
        completion = facts.completed.get(name)
        called = [] if completion is None else [_proof(completion)]
        return [*called, *kept.values()]
    wanted = [(single(here, arguments), there) for here, there in bind]
    if any(value is None for value, _ in wanted):
        return []
    return [
        proof
        for document, proof in kept.items()
        if all(single(there, document) == value for value, there in wanted)
    ]


def _proof(completion: Completion) -> Proof:
    return Proof(completion.at + CALL_TTL_NS, completion.call_id)


def single(path: str, document: bytes) -> bytes | None:
    """The one value that a path selects, None for none or several; of canonical JSON it is
    canonical itself."""
    found = select(path, document)
    return found[0] if len(found) == 1 else None
