"""docs/configuration.md, diagnostics.md, evidence.md and limits.md say what is so."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from helio.config import HelioConfig
from helio.config.availability import UNAVAILABLE
from helio.config.identity import IdentitySource
from helio.policy import compile_text
from helio.policy.codes import ALL_CODES
from helio.policy.match_reading import MATCH_KEYS, OPERATORS
from helio.policy.rule_reading import ACTIONS, KEYS

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text("utf-8")
DIAGNOSTICS = (DOCS / "diagnostics.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)
EVIDENCE = re.findall(r"```yaml\n(.*?)```", (DOCS / "evidence.md").read_text("utf-8"), re.DOTALL)
LIMITS = re.findall(r"```yaml\n(.*?)```", (DOCS / "limits.md").read_text("utf-8"), re.DOTALL)
HEADS = {
    "version": "version: '1'\n",
    "upstream": "upstream: { url: 'http://localhost:8080/mcp' }\n",
    "auth": "auth: { mode: bearer, tokens: [{ token: 0123456789abcdef, agent: desk }] }\n",
}


def whole(block: str) -> str:
    """A block with what every configuration needs."""
    missing = (head for key, head in HEADS.items() if not re.search(rf"^{key}s?:", block, re.M))
    return "".join(missing) + block


@pytest.mark.parametrize(
    "block", [*BLOCKS, *LIMITS], ids=lambda block: block.strip().splitlines()[-1].strip()
)
def test_every_block_compiles_without_a_finding(block: str) -> None:
    result = compile_text(whole(block))
    assert [each.message for each in result.diagnostics] == []
    assert result.policy is not None


@pytest.mark.parametrize(
    "block", EVIDENCE, ids=lambda block: block.strip().splitlines()[-1].strip()
)
def test_every_block_about_evidence_compiles(block: str) -> None:
    result = compile_text(whole(block))
    # A deny that can be lifted is worth a note.
    assert {each.code for each in result.diagnostics} <= {"HL417"}
    assert result.policy is not None


def test_there_are_blocks() -> None:
    assert (len(EVIDENCE), len(LIMITS)) == (3, 3)
    assert len(BLOCKS) >= 10


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple):
        for argument in get_args(annotation):
            yield from models(argument)


def test_every_key_is_described() -> None:
    unknown = []
    for section, field in HelioConfig.model_fields.items():
        part = re.search(rf"^## [^\n]*`{section}`.*?(?=^## |\Z)", CONFIGURATION, re.M | re.S)
        assert part is not None, section
        found = part[0]
        if section == "upstreams":
            continue
        pending = list(models(field.annotation))
        while pending:
            model = pending.pop()
            for key, inner in model.model_fields.items():
                # The models hold as `kind` and `name` what the file says as `header: x-name`.
                is_written = model is not IdentitySource
                if is_written and not re.search(rf"[`.{{ ]{key}[`.,}}]", found):
                    unknown.append(f"{section}: {key}")
                pending.extend(models(inner.annotation))
    assert unknown == []


@pytest.mark.parametrize("word", [*MATCH_KEYS, *OPERATORS, *ACTIONS, *KEYS])
def test_every_word_of_rules_is_described(word: str) -> None:
    rules = CONFIGURATION[CONFIGURATION.index("### Rules") : CONFIGURATION.index("## `budgets`")]
    assert re.search(rf"`{word}[`.]", rules)


@pytest.mark.parametrize("entry", UNAVAILABLE, ids=lambda entry: entry.path)
def test_what_comes_later_is_marked(entry: Any) -> None:
    key = entry.path.rpartition(".")[2].removesuffix("[]")
    lines = [line for line in CONFIGURATION.splitlines() if f"`{key}" in line or f".{key}`" in line]
    section = re.search(rf"^## [^\n]*`{key}`.*?(?=^## |\Z)", CONFIGURATION, re.M | re.S)
    text = "\n".join(lines) + (section[0] if section else "")
    if entry.path == "approval.channels[].type":
        text = next(line for line in CONFIGURATION.splitlines() if "`channels`" in line)
    assert re.search(r"\*[Ll]ater\b", text), entry.path


def test_every_code_is_listed_as_it_is() -> None:
    row = r"^\| \[(HL\d+)\]\(diagnostics/\1\.md\) \| (\w+) \| (.*?) \| (.*) \|$"
    rows = re.findall(row, DIAGNOSTICS, re.M)
    assert rows == [(code.id, code.severity, code.title, code.remedy) for code in ALL_CODES]


def test_codes_are_stable_and_sorted() -> None:
    ids = [code.id for code in ALL_CODES]
    assert ids == sorted(set(ids))


def test_the_example_of_a_finding_is_one() -> None:
    from helio.diagnostics.rendering import plain_text

    shown = re.search(r"```text\n(.*?)```", DIAGNOSTICS, re.S)
    assert shown is not None
    text = (
        "version: '1'\n\nupstream:\n  url: 'http://localhost:8080/mcp'\n\npolicies:\n"
        "  default: alow\n"
    )
    result = compile_text(text, "helio.yaml")
    (found,) = result.diagnostics
    assert plain_text(found, result.source) == shown[1]
