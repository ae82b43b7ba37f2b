"""The rules of revision 2026-07-28: what a request must say about itself, and agree in.

Above: `helio.transport` (judges what agents post), `helio.upstream` (makes what it posts),
`helio.governance`. Below: `helio.protocol.revisions`. Pure: messages are read at their byte spans,
never as a whole.

- `request`: the era of a POST, and the ladder that a request of this revision climbs or falls from;
- `values`: texts as header values;
- `parameters`: `Mcp-Param-*`, the arguments that a tool wants mirrored;
- `rounds`: results that ask for more, and the requests that go on from there.
"""

from helio.protocol.modern.document import Document, Posted
from helio.protocol.modern.parameters import (
    Parameter,
    Parameters,
    check_parameters,
    parameter_headers,
    parameter_values,
)
from helio.protocol.modern.refusal import (
    HEADER_MISMATCH,
    UNSUPPORTED_REVISION,
    Refused,
    unsupported,
)
from helio.protocol.modern.request import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    Envelope,
    check,
    claimed,
    headers_for,
    is_modern,
    is_modern_post,
    renamed,
)
from helio.protocol.modern.rounds import Round, input_required, retried
from helio.protocol.modern.values import decoded, encoded

__all__ = [
    "CLIENT_CAPABILITIES",
    "CLIENT_INFO",
    "HEADER_MISMATCH",
    "LOG_LEVEL",
    "PROTOCOL_VERSION",
    "UNSUPPORTED_REVISION",
    "Document",
    "Envelope",
    "Parameter",
    "Parameters",
    "Posted",
    "Refused",
    "Round",
    "check",
    "check_parameters",
    "claimed",
    "decoded",
    "encoded",
    "headers_for",
    "input_required",
    "is_modern",
    "is_modern_post",
    "parameter_headers",
    "parameter_values",
    "renamed",
    "retried",
    "unsupported",
]
