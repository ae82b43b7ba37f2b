"""Pictures of policies: what is in them, and that no name can break the languages they are in."""

import re
import time
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.diagnostics.rendering import visible
from helio.policy import compile_text
from helio.policy.picture import Arrow, Box, Drawing, as_dot, as_mermaid, as_text, draw
from helio.policy.picture.drawing import ArrowKind, BoxKind

POLICY = """\
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
budgets:
  - name: refunds-a-day
    limit: 100
    currency: GBP
    window: 24h
    key: session
    contributors:
      - { match: { tool: 'refund*' }, field: '$.amount' }
      - { match: { tool: chargeback }, amount: 3 }
policies:
  default: deny
  rules:
    - { name: watched, match: { tool: '*' }, action: deny, shadow: true }
    - name: lookups
      match: { tool: 'orders.*' }
      action: allow
      labels: [looked]
    - name: refunds
      match: { tool: 'refund*', session: { labels: [looked], not_called: [chargeback] } }
      action: require_approval
      evidence: { requires: [{ tool: orders.lookup, bind: { '$.order': '$.id' } }] }
      limits: { max_calls: 5, window: 1h }
    - name: closed
      match: { tool: close_order }
      action: deny
      requires: [orders.lookup]
"""


def drawn(text: str) -> Drawing:
    policy = compile_text(text).policy
    assert policy is not None
    return draw(policy)


def arrows(drawing: Drawing) -> set[tuple[str, str, str, str]]:
    return {
        (
            drawing.boxes[each.source].lines[0],
            each.kind,
            drawing.boxes[each.target].lines[0],
            each.text,
        )
        for each in drawing.arrows
    }


def test_the_way_of_a_call_and_what_rules_have_to_do_with_each_other() -> None:
    watched, lookups = "rule 0: watched (in shadow: reports deny)", "rule 1: lookups"
    refunds, closed = "rule 2: refunds", "rule 3: closed"
    proven = "tool orders.lookup"
    asked = "evidence orders.lookup; at most 5 calls in 1h by tool"
    assert arrows(drawn(POLICY)) == {
        ("tools/call", "next", watched, ""),
        (watched, "next", lookups, "else"),
        (lookups, "decides", "allow", ""),
        (lookups, "next", refunds, "else"),
        (refunds, "decides", "ask a person", asked),
        (refunds, "next", closed, "else"),
        (closed, "decides", "deny", "until its requirements are met"),
        (closed, "decides", "allow", "requires orders.lookup"),
        (closed, "next", "deny", "else, by policies.default"),
        (lookups, "puts", "label looked", "puts on the session"),
        ("label looked", "asks", refunds, ""),
        ("tool chargeback", "asks", refunds, "not called"),
        (lookups, "calls", proven, "lets pass"),
        (proven, "needs", refunds, "evidence, $.order = $.id"),
        (proven, "needs", closed, "requires"),
        ("tool: refund*", "feeds", "budget refunds-a-day", "$.amount"),
        ("tool: chargeback", "feeds", "budget refunds-a-day", "3"),
    }


def test_a_rule_for_every_call_ends_the_way() -> None:
    head = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
    drawing = drawn(head + "policies: { rules: [{ action: dry_run }] }\n")
    assert [box.lines for box in drawing.boxes.values()] == [
        ("tools/call",),
        ("rule 0: rules[0]", "every call"),
        ("dry run",),
    ]


INSTALL = """\
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
policies:
  install:
    rules:
      - { name: bad, match: { name: ['evil-*', worse] }, action: deny }
      - { match: { kind: skill }, action: require_approval }
"""


def test_the_way_of_an_installation_stands_beside_that_of_a_call() -> None:
    bad, skills = "install rule 0: bad", "install rule 1: rules[1]"
    drawing = drawn(INSTALL)
    assert arrows(drawing) == {
        ("tools/call", "next", "allow", "else, by policies.default"),
        ("installation", "next", bad, ""),
        (bad, "decides", "deny", ""),
        (bad, "next", skills, "else"),
        (skills, "decides", "ask a person", ""),
        (skills, "next", "deny", "else, by policies.install.default"),
    }
    assert drawing.boxes["install_rule0"].lines == (bad, "name: [evil-*, worse]")
    text = as_text(drawing)
    assert f"{bad} (line 6)\n  when name: [evil-*, worse]\n  -> deny\n" in text


def test_the_text_names_every_rule_in_order_with_its_line() -> None:
    text = as_text(drawn(POLICY))
    heads = re.findall(r"^(rule \d+: .*)$", text, re.MULTILINE)
    assert heads == [
        "rule 0: watched (in shadow: reports deny) (line 15)",
        "rule 1: lookups (line 16)",
        "rule 2: refunds (line 20)",
        "rule 3: closed (line 25)",
    ]
    assert "  -> deny (else, by policies.default)\n" in text


NAMES = st.text(
    st.sampled_from('"\\`;|[](){}<>#&%-=.:/_ \n\t\x07é😀\u2028ab1') | st.characters(codec="utf-8"),
    min_size=1,
    max_size=20,
)


def odd(drawing: Drawing) -> list[tuple[str, ...]]:
    """The lines of all boxes and arrows as they may be shown."""
    lines = [box.lines for box in drawing.boxes.values()]
    lines += [(each.text,) for each in drawing.arrows if each.text]
    return [tuple(visible(line) for line in each) for each in lines]


def _read_dot(text: str) -> list[tuple[str, ...]]:
    """The labels of a DOT text of which every line is a node or an arrow."""
    quoted = r'"((?:[^"\\\n]|\\[\\"n])*)"'
    node = re.compile(rf"  \w+ \[label={quoted}, shape=\w+(?:, style=dashed)?\]")
    arrow = re.compile(rf"  \w+ -> \w+ \[(?:label={quoted}, )?style=\w+(?:, constraint=false)?\]")
    first, *lines, last, empty = text.split("\n")
    assert (first, lines[:2], last, empty) == (
        "digraph helio {",
        ["  node [fontname=Helvetica]", "  edge [fontname=Helvetica]"],
        "}",
        "",
    )
    found = [node.fullmatch(line) or arrow.fullmatch(line) for line in lines[2:]]
    assert all(found)
    labels = [match[1] for match in found if match is not None and match[1] is not None]
    one = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
    return [
        tuple(re.sub(r"\\.", lambda match: one[match[0]], label).split("\n")) for label in labels
    ]


def _read_mermaid(text: str) -> list[tuple[str, ...]]:
    """The labels of a flowchart of which every line is a node or an arrow."""
    quoted = r'"((?:[\w .,:/-]|#\d+;|<br/>)*)"'
    node = re.compile(rf"  \w+(?:\(\(|\(\[|\[\[|\[\(|\[/|\[|>){quoted}[\])/]+")
    arrow = re.compile(rf"  \w+ (?:-->|==>|-\.->)(?:\|{quoted}\|)? \w+")
    shadow = re.compile(r"  class(?:Def shadow stroke-dasharray: 4 4| [\w,]+ shadow)()")
    first, *lines, empty = text.split("\n")
    assert (first, empty) == ("flowchart TD", "")
    found = [
        node.fullmatch(line) or arrow.fullmatch(line) or shadow.fullmatch(line) for line in lines
    ]
    assert all(found)
    labels = [match[1] for match in found if match is not None and match[1]]
    return [tuple(map(_unescaped, label.split("<br/>"))) for label in labels]


def _unescaped(text: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text)


KINDS = get_args(BoxKind)
ARROW_KINDS = get_args(ArrowKind)


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    """Draw boxes and arrows of every kind with whatever names."""
    drawing = Drawing("sha256:0")
    for number, kind in enumerate(KINDS):
        lines = tuple(draw(st.lists(NAMES, min_size=1, max_size=3)))
        drawing.boxes[f"box{number}"] = Box(f"box{number}", kind, lines, draw(st.booleans()))
    ids = st.sampled_from(sorted(drawing.boxes))
    drawing.arrows = [
        Arrow(draw(ids), draw(ids), kind, draw(st.just("") | NAMES)) for kind in ARROW_KINDS
    ]
    return drawing


@pytest.mark.parametrize(("write", "read"), [(as_dot, _read_dot), (as_mermaid, _read_mermaid)])
@given(drawing=drawings())
def test_no_name_breaks_a_picture(
    write: Callable[[Drawing], str], read: Callable[[str], Any], drawing: Drawing
) -> None:
    assert read(write(drawing)) == odd(drawing)


def test_every_line_of_the_example_is_read() -> None:
    drawing = drawn(POLICY)
    assert _read_dot(as_dot(drawing)) == _read_mermaid(as_mermaid(drawing)) == odd(drawing)


def test_many_tools_that_rules_ask_for_are_drawn_in_little_time() -> None:
    head = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"
    rules = [
        f"    - {{ match: {{ tool: read_{n} }}, action: allow }}\n"
        f"    - {{ match: {{ tool: write_{n} }}, requires: [read_{n}] }}\n"
        for n in range(2000)
    ]
    text = head + "".join(rules)
    compiled = compile_text(text)
    assert compiled.policy is not None
    before = time.process_time()
    drawing = draw(compiled.policy)
    assert time.process_time() - before < 2
    assert sum(each.kind == "calls" for each in drawing.arrows) == 2000
