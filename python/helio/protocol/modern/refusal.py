"""How a message that breaks the rules of this revision is refused. Pure."""

from typing import Final

from helio.protocol import revisions

HEADER_MISMATCH: Final = -32020
"""A header does not say what the body says, or is missing (2026-07-28, Streamable HTTP)."""

UNSUPPORTED_REVISION: Final = -32022
"""A revision that is not spoken here; `data.supported` lists those that are."""


class Refused(Exception):
    """A message that goes no further.

    `status` is of HTTP, `code` of JSON-RPC; `reason` is a stable name for the audit, `detail` a
    sentence for people that holds no value of the message. `data` goes with the error, None when
    the specification wants nothing there.
    """

    def __init__(
        self, code: int, reason: str, detail: str, data: object = None, *, status: int = 400
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.reason = reason
        self.detail = detail
        self.data = data


def mismatch(detail: str) -> Refused:
    """Header and body disagree."""
    return Refused(HEADER_MISMATCH, "header_mismatch", detail)


def unsupported(requested: str, *, enveloped: bool = True) -> Refused:
    """The revision is not spoken here. A request with an envelope is told those that have one, as
    `server/discover` lists them; to others the revisions with a handshake are open too.
    """
    # What is no ASCII may have come as anything.
    told = requested[:64].encode("ascii", "backslashreplace").decode()
    return Refused(
        UNSUPPORTED_REVISION,
        "unsupported_revision",
        "Unsupported protocol version.",
        {"supported": revisions.supported(enveloped=enveloped), "requested": told},
    )
