"""The JSON Schema: what compiles is valid by it, and what nobody could write is not."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from helio.diagnostics import Mapping, Number, Scalar, Sequence, parse_yaml
from helio.diagnostics.tree import Node
from helio.policy import compile_text
from helio.policy.schema import schema

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "examples").rglob("helio.yaml"), *ROOT.glob("tests/policy/cases/*.yaml")])
ENVIRONMENT = {"SET_HOST": "localhost", "SET_NUMBER": "1e3", "SET_REGEX": "a", "EMPTY": ""}
HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
VALIDATOR = Draft202012Validator(schema())


def as_json(node: Node) -> Any:
    match node:
        case Scalar(value=Number(text=text)):
            return json.loads(text)
        case Scalar():
            return node.value
        case Sequence():
            return [as_json(item) for item in node.items]
        case Mapping():
            return {key: as_json(entry.value) for key, entry in node.entries.items()}


def faults(text: str) -> list[str]:
    root = parse_yaml(text, "helio.yaml").root
    assert root is not None
    return [error.message for error in VALIDATOR.iter_errors(as_json(root))]


def compiles(file: Path) -> bool:
    result = compile_text(file.read_text("utf-8"), environment=ENVIRONMENT, purpose="compile")
    return result.policy is not None


GOOD = [file for file in FILES if compiles(file)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_there_are_good_files() -> None:
    assert len(GOOD) >= 30


@pytest.mark.parametrize("file", GOOD, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_compiles_is_valid(file: Path) -> None:
    assert faults(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "policies: { dry_run: '${DRY_RUN:-false}' }",
        "listen: { port: '${PORT}' }",
        "approval: { timeout: '${TIMEOUT:-30s}' }",
        "x-anchors: [1, { a: 2 }]",
        "session: { identity: [header, { legacy_header: x-id }] }",
        "audit: { redact: [{ detect: cards }, { path: [a, b], tool: x }], max_record: 1MiB }",
    ],
)
def test_what_may_be_written(text: str) -> None:
    assert faults(HEAD + text) == []


@pytest.mark.parametrize(
    "text",
    [
        "polices: {}",
        "policies: { default: alow }",
        "policies: { dry_run: yes }",
        "policies: { rules: [{ mach: {}, action: deny }] }",
        "policies: { rules: [{ match: { tool: [] }, action: deny }] }",
        "policies: { rules: [{ match: { input: { a: { gtt: 5 } } } }] }",
        "policies: { rules: [{ match: { input: { a: [1] } } }] }",
        "policies: { rules: [{ limits: { max_calls: 0 } }] }",
        "approval: { timeout: 30 }",
        "listen: { port: 70000 }",
        "budgets: [{ name: a, limit: 0, currency: GBP, window: 1h, contributors: [] }]",
        "audit: { redact: [{ detect: phones }] }",
        "session: { identity: [cookie] }",
    ],
)
def test_what_may_not(text: str) -> None:
    assert compile_text(HEAD + text).diagnostics.has_errors
    assert faults(HEAD + text) != []


def test_without_a_version_it_is_none() -> None:
    assert faults("upstream: { url: 'http://localhost/mcp' }") == [
        "'version' is a required property"
    ]
