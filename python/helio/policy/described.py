"""Conditions and paths of a rule graph as people write them.

Above: explanations, pictures, `helio.simulation`. Below: `glob_expressions`. Pure. `nodes` are a
graph's.
"""

from typing import Any

import orjson

from helio.policy.glob_expressions import globs_of_regex


def described(node: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """A condition as people write it: `input $.amount: { gt: 1000 }`."""
    kind = node["node"]
    match kind:
        case "constant":
            return str(node["text"])
        case "tool" | "upstream" | "agent":
            globs = [nodes[each]["pattern"] for each in node["globs"]]
            return f"{kind}: {globs[0] if len(globs) == 1 else '[' + ', '.join(globs) + ']'}"
        case "annotation":
            return f"{node['hint']}: {str(node['value']).lower()}"
        case "input" | "metadata":
            asked = "{ " + ", ".join(described_test(each, nodes) for each in node["tests"]) + " }"
            if node["quantifier"] == "every":
                asked = f"{{ every: {asked} }}"
            return f"{kind} {readable_path(nodes[node['path']]['path'])}: {asked}"
        case _:
            return f"session {kind}: [{', '.join(node['names'])}]"


def described_member(node: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """The same of a rule about installations: `name: [evil-*, left-pad]`."""
    if node["node"] != "input":
        return described(node, nodes)
    member = readable_path(nodes[node["path"]]["path"]).removeprefix("$.")
    (test,) = node["tests"]
    operand = orjson.loads(nodes[test["value"]]["json"])
    globs = operand if test["operator"] == "in" else globs_of_regex(operand)
    return f"{member}: {globs[0] if len(globs) == 1 else '[' + ', '.join(globs) + ']'}"


def described_test(test: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """One operator with its operand: `gt: 1000`."""
    return f"{test['operator']}: {nodes[test['value']]['json']}"


def readable_path(normal: str) -> str:
    """`$['order']['id']` as `$.order.id`, where the names allow it."""
    text = normal
    for part in normal.split("['")[1:]:
        name, closed, _ = part.partition("']")
        if closed and name.isidentifier():
            text = text.replace(f"['{name}']", f".{name}", 1)
    return text
