"""Regular expressions cost linear time, whatever they and the text are made of."""

import time

import pytest

from helio.evaluator import Evaluator, tool_call
from helio.policy import compile_text

LENGTH = 100_000
WITHIN_SECONDS = 0.25
"""Far over what a linear search takes (about 1 ms), far under what backtracking would (years)."""


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*a){10}z", r"(\w+\s?)*x$"])
def test_no_pattern_backtracks(pattern: str) -> None:
    compiled = compile_text(
        "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp' }\n"
        f"policies: {{ rules: [{{ match: {{ input: {{ x: {{ regex: '{pattern}' }} }} }}, "
        "action: deny }] }\n"
    )
    assert compiled.policy is not None
    evaluator = Evaluator(compiled.policy.graph)
    message = tool_call("t", b'{"x":"%b!"}' % (b"a" * LENGTH))
    began = time.perf_counter()
    assert evaluator.decide(message, "default").action == "allow"
    assert time.perf_counter() - began < WITHIN_SECONDS
