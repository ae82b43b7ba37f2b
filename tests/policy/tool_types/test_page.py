"""What docs/diagnostics.md shows of tools is what the compiler says."""

import re
from pathlib import Path

from helio.policy import compile_text
from policy.tools import known, tool

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "diagnostics.md").read_text("utf-8")
TOOLS = PAGE[PAGE.index("## Tools") : PAGE.index("## What compiling costs")]
HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\npolicies:\n  rules:\n"


def test_the_examples() -> None:
    written = re.search(r"```yaml\n(.*?)```", TOOLS, re.S)
    assert written
    rules = re.findall(r"- (match: .*\}) +# (HL\d+): (.*)", written[1])
    assert len(rules) == 3
    text = HEAD + "".join(f"    - {rule}\n      action: deny\n" for rule, _, _ in rules)
    payment = {"amount": {"type": "number"}, "currency": {"enum": ["GBP", "EUR"]}}
    tools = [
        tool("create_payment", payment),
        tool("refund_payment", {"amount": {"type": "string"}}),
    ]
    found = list(compile_text(text, tools=known({"default": tools})).diagnostics)
    assert [each.code for each in found] == [code for _, code, _ in rules]
    assert [each.hint for each in found[:2]] == [said for _, _, said in rules[:2]]
    assert "`$.amount` is a string in `refund_payment`" in found[2].message
