"""What stands in place of a section, and can only have been meant in one way, is corrected."""

import pytest

from helio.diagnostics.fixing import corrected
from helio.policy import compile_text

HEAD = "version: '1'\n"
RULES = HEAD + "upstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"


@pytest.mark.parametrize(
    ("faulty", "mended"),
    [
        (
            HEAD + "upstream: http://localhost:8080/mcp  # ours\n",
            HEAD + "upstream: { url: 'http://localhost:8080/mcp' }  # ours\n",
        ),
        (
            RULES + "  - { match: it's, action: deny }\n",
            RULES + "  - { match: { tool: 'it''s' }, action: deny }\n",
        ),
        (
            RULES + "  - match: { tool: pay }\n    evidence: orders.lookup\n",
            RULES + "  - match: { tool: pay }\n    evidence: { requires: ['orders.lookup'] }\n",
        ),
        (
            RULES + '  - { match: { tool: pay }, action: deny, feedback: "No." }\n',
            RULES + "  - { match: { tool: pay }, action: deny, feedback: { message: 'No.' } }\n",
        ),
    ],
)
def test_it_is_corrected(faulty: str, mended: str) -> None:
    text, made = corrected(faulty, compile_text(faulty).diagnostics)
    assert (text, len(made)) == (mended, 1)
    assert not compile_text(mended).diagnostics.has_errors


@pytest.mark.parametrize(
    "faulty",
    [
        HEAD + "upstream: npx -y server\n",
        HEAD + "upstream: 'http://user:secret@localhost:8080/mcp'\n",
        HEAD + "upstream: 'http://localhost:8080/mcp?key=secret'\n",
        HEAD + "upstream: '${WHERE:-http://localhost}'\n",
        HEAD + "upstreams: ['http://localhost:8080/mcp']\n",
        RULES + "  - { match: '${TOOL:-pay}', action: deny }\n",
        RULES + "  - { match: 5, action: deny }\n",
        RULES + "  - { match: { tool: pay }, limits: 10/min }\n",
    ],
)
def test_what_could_be_meant_otherwise_or_may_be_secret_is_left(faulty: str) -> None:
    found = list(compile_text(faulty).diagnostics)
    assert found[0].hint is not None
    assert corrected(faulty, found) == (faulty, [])
