"""Results that ask for more, and the requests that go on from there (2026-07-28, Multi Round-Trip
Requests). Pure.
"""

from typing import Final, NamedTuple

from helio.protocol.modern.document import Document, raw, text

INPUT_REQUIRED: Final = "input_required"


class Round(NamedTuple):
    """What binds a retry to the result before it: the `requestState`, None when there is none."""

    state: str | None


def input_required(answer: Document) -> Round | None:
    """What a retry of the answered request must bring along; None when the answer is final.

    A state that is no text can be brought along by nobody: None too.
    """
    if text(raw(answer, "result", "resultType")) != INPUT_REQUIRED:
        return None
    return _round(raw(answer, "result", "requestState"))


def retried(message: Document) -> Round | None:
    """What a request brings along from an earlier round; None when it is a first one.

    A request that brings a state which is no text goes on from nothing that was ever asked.
    """
    state = raw(message, "params", "requestState")
    answers = raw(message, "params", "inputResponses")
    if state in (None, b"null") and answers in (None, b"null"):
        return None
    return _round(state)


def _round(state: bytes | None) -> Round | None:
    if state is None or state == b"null":
        return Round(None)
    said = text(state)
    return None if said is None else Round(said)
