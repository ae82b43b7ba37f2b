"""What docs/diagnostics.md shows of reach is what the compiler says."""

import re
from pathlib import Path

import orjson

from helio.diagnostics.rendering import plain_text
from helio.policy import compile_text

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "diagnostics.md").read_text("utf-8")
REACH = PAGE[PAGE.index("## Reach") : PAGE.index("## What compiling costs")]


def test_the_example() -> None:
    written = re.search(r"```yaml\n(.*?)```", REACH, re.S)
    shown = re.search(r"```text\n(.*?)```", REACH, re.S)
    witness = re.search(r"`(\{.*\})`", REACH)
    assert written and shown and witness
    result = compile_text(written[1])
    (found,) = result.diagnostics
    assert plain_text(found, result.source).startswith(shown[1])
    assert found.witness == orjson.loads(witness[1])
