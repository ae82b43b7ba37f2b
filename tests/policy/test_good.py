"""Policies as people write them, for work of many kinds: none has a finding, not even a note."""

from pathlib import Path

import pytest

from helio.diagnostics.rendering import plain_text
from helio.policy import compile_file
from policy.tools import tools_beside

GOOD = sorted((Path(__file__).parent / "good").glob("*.yaml"))


@pytest.mark.parametrize("policy", GOOD, ids=lambda policy: policy.stem)
def test_there_is_nothing_to_say(policy: Path) -> None:
    result = compile_file(policy, {}, "compile", tools_beside(policy))
    assert [plain_text(each, result.source) for each in result.diagnostics] == []
    assert result.policy is not None


def test_there_are_some() -> None:
    assert len(GOOD) >= 60
    assert any(tools_beside(policy) is not None for policy in GOOD)
