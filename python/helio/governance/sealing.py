"""Sessions that were kept under another redaction: their documents brought to that of now. Pure.

Above: `helio.app.memory`. Below: `session_journal` (the forms), `helio.evaluator` (the redactor).
Where rules redact, what a call or mark was about is kept sealed (`Redactor.sealed`), so that it can
be compared and not read. A checkpoint says by which key (`seal_of`): a document that was kept plain
is sealed, one of another key can never be compared again, and goes.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from helio.evaluator import Redactor
from helio.governance.session_journal import PastFact

_NAME: Final = b"helio sealed documents"


def seal_of(redactor: Redactor) -> str | None:
    """What documents are sealed with, told without the key; None where they are not."""
    return redactor.digest(_NAME)[:16] if redactor.has_rules else None


class Resealing:
    """From the seal of a checkpoint, and of the facts behind it, to that of a redactor."""

    def __init__(self, redactor: Redactor, seal: str | None) -> None:
        self._redactor = redactor
        self._was_sealed = seal is not None
        self._same = seal == seal_of(redactor)

    def sessions(self, snapshot: Iterable[list[Any]]) -> list[list[Any]]:
        """A snapshot as `Sessions.snapshot` made it."""
        return [self._session(*values) for values in snapshot]

    def fact(self, fact: PastFact) -> PastFact | None:
        """What happened in a session; None for a mark that proves nothing any more."""
        if self._same:
            return fact
        data = dict(fact.data)
        match fact.kind:
            case "call" if data["outcome"] is not None:
                arguments = data["outcome"]["arguments"]
                sealed = None if arguments is None else self._document(arguments)
                data["outcome"] = {**data["outcome"], "arguments": sealed}
            case "evidence":
                data["data"] = self._document(data["data"])
                if data["data"] is None:
                    return None
            case "context":
                data["value"] = shown_value(self._redactor, data["name"], data["value"])
        return fact._replace(data=data)

    def document(self, document: str | None) -> str | None:
        """What a call was about; None where that cannot be compared any more."""
        if self._same or document is None:
            return document
        return self._document(document)

    def _session(self, *values: Any) -> list[Any]:
        if self._same:
            return list(values)
        key, seen, called, labels, completed, proofs, context, counters = values
        kept = []
        for name, document, until, by in proofs:
            sealed = self._document(document)
            if sealed is not None:
                kept.append([name, sealed, until, by])
        shown = {name: shown_value(self._redactor, name, text) for name, text in context.items()}
        return [key, seen, called, labels, completed, kept, shown, counters]

    def _document(self, document: str) -> str | None:
        return None if self._was_sealed else self._redactor.sealed(document.encode()).decode()


def shown_value(redactor: Redactor, name: str, value: str) -> str:
    """A value of a session's context (JSON text) as people may see it: under its name, so that
    rules by key count. `null` when it cannot be read."""
    before = b"{" + orjson.dumps(name) + b":"
    shown = redactor.document(before + value.encode() + b"}")
    if shown is None:
        return "null"
    # The name is shown as it is: it is what the value was put under.
    fitting = shown.startswith(before)
    return shown[len(before) : -1].decode() if fitting else "null"
