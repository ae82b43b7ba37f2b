"""docs/diagnostics: a page for each code, with a file that has that finding, and the mended one.

`HELIO_UPDATE_CASES=1` writes what the compiler says anew; the difference is for the reader of the
change.
"""

import json
import os
import re
from pathlib import Path

import pytest

from helio.config import Purpose
from helio.diagnostics import Code
from helio.diagnostics.rendering import plain_text
from helio.policy import compile_text
from helio.policy.codes import ALL_CODES
from policy.tools import known

PAGES = Path(__file__).resolve().parents[2] / "docs" / "diagnostics"
NOT_SHOWN = {"HL007", "HL008", "HL009", "HL012", "HL419", "HL431"}
"""Codes of caps and encodings: their files are too large for a page, or no text."""


def page(code: Code) -> str:
    return PAGES.joinpath(f"{code.id}.md").read_text("utf-8")


def blocks(kind: str, code: Code) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page(code), re.DOTALL)


def told(text: str, code: Code) -> tuple[str, list[str]]:
    """What the compiler says, with the tools of the page where it has any, and the codes of it."""
    purpose: Purpose = "run" if code.id == "HL201" else "compile"
    tools = [known({"default": json.loads(block)}) for block in blocks("json", code)]
    result = compile_text(text, "helio.yaml", purpose=purpose, tools=tools[0] if tools else None)
    found = list(result.diagnostics)
    return "\n".join(plain_text(each, result.source) for each in found), [e.code for e in found]


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {code.id for code in ALL_CODES}


@pytest.mark.parametrize("code", ALL_CODES, ids=lambda code: code.id)
def test_a_page_says_what_the_code_is(code: Code) -> None:
    text = page(code)
    assert text.startswith(f"# {code.id}: {code.title}\n\n*{code.severity}* ([all codes]")
    assert f"\n**What to do.** {code.remedy}\n" in text


@pytest.mark.parametrize(
    "code", [each for each in ALL_CODES if each.id not in NOT_SHOWN], ids=lambda code: code.id
)
def test_the_example_has_the_finding_and_the_mended_one_has_none(code: Code) -> None:
    faulty, mended = blocks("yaml", code)
    said, codes = told(faulty, code)
    assert codes.count(code.id) == 1
    path = PAGES / f"{code.id}.md"
    if os.environ.get("HELIO_UPDATE_CASES"):
        (shown,) = blocks("text", code)
        path.write_text(page(code).replace(shown, said), "utf-8")
    assert blocks("text", code) == [said]
    assert told(mended, code) == ("", [])


def test_the_mistakes_are_told_as_the_page_shows() -> None:
    path = PAGES.parent / "mistakes.md"
    text = path.read_text("utf-8")
    pairs = re.findall(r"```yaml\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(pairs) >= 20
    for faulty, shown in pairs:
        result = compile_text(faulty, "helio.yaml", purpose="compile")
        said = "\n".join(plain_text(each, result.source) for each in result.diagnostics)
        text = text.replace(shown, said)
        if not os.environ.get("HELIO_UPDATE_CASES"):
            assert shown == said
    if os.environ.get("HELIO_UPDATE_CASES"):
        path.write_text(text, "utf-8")
