"""Reads the corpus: each call of each case is one test.

The policies of a case are taken as text, as they stand in the file, so that numbers keep their
digits on the way to the compiler.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CORPUS = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One call under one policy, and what is expected of it."""

    identity: str
    configuration: str
    distinct_limits: int | None
    call: dict[str, Any]


def source_of(node: yaml.MappingNode, key: str, text: str) -> str:
    """Return the text of a member's value, its first line indented as it was."""
    for name, value in node.value:
        if name.value == key:
            start = value.start_mark
            indentation = " " * int(start.column)
            return indentation + text[start.index : value.end_mark.index].rstrip()
    raise KeyError(key)


def cases() -> Iterator[Case]:
    """Yield every call of the corpus."""
    for path in sorted(CORPUS.glob("*.yaml")):
        text = path.read_text("utf-8")
        tree = yaml.compose(text, yaml.SafeLoader)
        assert isinstance(tree, yaml.SequenceNode)
        for node, case in zip(tree.value, yaml.safe_load(text), strict=True):
            label = f"environment: {case['environment']}\n" if "environment" in case else ""
            configuration = (
                "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
                f"{label}policies:\n{source_of(node, 'policies', text)}\n"
            )
            for number, call in enumerate(case["calls"], start=1):
                identity = f"{path.stem}: {case['name']}: {call.get('name', number)}"
                yield Case(identity, configuration, case.get("distinct_limits"), call)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = list(cases())
        metafunc.parametrize("case", found, ids=[case.identity for case in found])
