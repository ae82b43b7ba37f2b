"""Sections `policies.install`, scans, and what the evaluator says of these.

Above: the tests of this room. Below: `helio.policy`.
"""

import json
from typing import Any

from hypothesis import strategies as st

from helio.policy import CompiledPolicy, compile_text
from helio.policy.installation import KINDS

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
TEXTS = st.sampled_from(["a", "b", "ab", "a*", "*b", "[ab]*", "{a,b}", "?"])
MEMBERS = ("name", "publisher")
RULES = st.fixed_dictionaries(
    {
        "match": st.fixed_dictionaries(
            {},
            optional={
                "kind": st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
                "agent": TEXTS,
                **{each: TEXTS | st.lists(TEXTS, min_size=1, max_size=2) for each in MEMBERS},
            },
        ),
        "action": st.sampled_from(["allow", "deny", "require_approval"]),
    }
)
SECTIONS = st.fixed_dictionaries(
    {"default": st.sampled_from(["allow", "deny"]), "rules": st.lists(RULES, max_size=4)}
)
SCANS = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS), "name": st.sampled_from(["a", "b", "ab", "ba", "c"])},
    optional={"publisher": st.sampled_from(["a", "b", "ab", "ba", "c"])},
)


def section(install: Any) -> str:
    """A configuration of nothing else."""
    return f"{HEAD}policies: {json.dumps({'install': install})}\n"


def policy_of(install: Any) -> CompiledPolicy:
    """Compiled."""
    policy = compile_text(section(install)).policy
    assert policy is not None
    return policy


def scan(members: dict[str, str], agent: str | None) -> dict[str, Any]:
    """As a witness has it."""
    tool = f"install:{members['kind']}"
    found = {"tool": tool, "arguments": members, "record_kind": "install_scan"}
    return found if agent is None else {**found, "agent": agent}
