"""What is said never to hold is true of no call that the schema allows.

Schemas, tests and arguments are random; jsonschema says which arguments are valid, the evaluator
what a rule makes of them.
"""

import json
import random
from collections import Counter
from typing import Any

from jsonschema import Draft202012Validator

from helio.evaluator import Evaluator, tool_call
from helio.policy import compile_text
from policy.tools import known, tool

HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\npolicies:\n  default: deny\n"
NAMES = ["a", "b", "c"]
SCALARS: list[Any] = [0, 1, 2.5, 7, "", "x", "xy", "7", True, False, None]
PATHS = ["$.a", "$.b", "$.c", "$.a.b", "$.a[*]", "$.a[0]", "$.b[*].c", "$.a.b[1]", "$.a[*].b"]
TYPES = ["string", "number", "integer", "boolean", "null"]
BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
NEVER = {"HL444", "HL445", "HL446"}
NEGATIONS = {"neq", "not_in"}
SCHEMAS = 240
TOOLS = 8
ARGUMENTS = 60


def scalar(chance: random.Random) -> Any:
    match chance.choice(["type", "types", "enum", "range", "ref", "true"]):
        case "type":
            return {"type": chance.choice(TYPES)}
        case "types":
            return {"type": chance.sample(TYPES, 2)}
        case "enum":
            return {"enum": chance.sample(SCALARS, chance.randint(1, 3))}
        case "range":
            chosen = chance.sample(BOUNDS, chance.randint(1, 2))
            return {"type": "number"} | {bound: chance.choice([0, 1, 2.5]) for bound in chosen}
        case "ref":
            return {"$ref": "#/$defs/shared"}
        case _:
            return True


def schema(chance: random.Random, depth: int) -> Any:
    kinds = ["scalar", "scalar", "choice", "both"]
    kinds += ["object", "object", "array"] if depth > 0 else []
    match chance.choice(kinds):
        case "scalar":
            return scalar(chance)
        case "choice":
            key = chance.choice(["anyOf", "oneOf"])
            return {key: [schema(chance, depth - 1) for _ in range(2)]}
        case "both":
            return {"allOf": [schema(chance, depth - 1)]} | chance.choice([{}, {"type": "string"}])
        case "array":
            first = [schema(chance, depth - 1)] if chance.random() < 0.3 else []
            return {"type": "array", "prefixItems": first, "items": schema(chance, depth - 1)}
        case _:
            return of_object(chance, depth)


def shared(chance: random.Random) -> Any:
    """What references lead to: objects may hold themselves, values may not stand for themselves."""
    if chance.random() < 0.5:
        return of_object(chance, 1)
    found = schema(chance, 0)
    while "$ref" in json.dumps(found):
        found = schema(chance, 0)
    return found


def of_object(chance: random.Random, depth: int) -> dict[str, Any]:
    names = chance.sample(NAMES, chance.randint(1, 3))
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name: schema(chance, depth - 1) for name in names},
        "required": chance.sample(names, chance.randint(0, len(names))),
    }
    match chance.choice(["closed", "closed", "closed", "open", "typed", "pattern"]):
        case "closed":
            found["additionalProperties"] = False
        case "open":
            found["additionalProperties"] = True
        case "typed":
            found["additionalProperties"] = schema(chance, 0)
        case _:
            found["patternProperties"] = {"^[bc]": schema(chance, 0)}
    return found


def value(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth == 0 or kind < 0.5:
        return chance.choice(SCALARS)
    if kind < 0.7:
        return [value(chance, depth - 1) for _ in range(chance.randint(0, 2))]
    return arguments(chance, depth)


def arguments(chance: random.Random, depth: int) -> dict[str, Any]:
    names = chance.sample(NAMES, chance.randint(0, 3))
    return {name: value(chance, depth - 1) for name in names}


def asked(chance: random.Random) -> dict[str, Any]:
    operator = chance.choice(["eq", "neq", "in", "not_in", "gt", "gte", "lt", "lte", "regex"])
    if operator in ("in", "not_in"):
        operand: Any = chance.sample(SCALARS, 2)
    elif operator == "regex":
        operand = "x"
    elif operator in ("eq", "neq"):
        operand = chance.choice([*SCALARS, [], {"a": 1}])
    else:
        operand = chance.choice([0, 1, 2.5, 7])
    return {operator: operand} if chance.random() < 0.7 else {"every": {operator: operand}}


def test_nothing_that_is_said_never_to_hold_ever_does() -> None:
    chance = random.Random(20261123)
    counted: Counter[str] = Counter()
    for _ in range(SCHEMAS):
        root = of_object(chance, 3) | {"$defs": {"shared": shared(chance)}}
        valid = Draft202012Validator(root)
        drawn = [arguments(chance, 3) for _ in range(ARGUMENTS)]
        allowed = [each for each in drawn if valid.is_valid(each)]
        tests = [(chance.choice(PATHS), asked(chance)) for _ in range(TOOLS)]
        lines = [
            json.dumps({"match": {"tool": f"t{n}", "input": {path: test}}, "action": "allow"})
            for n, (path, test) in enumerate(tests)
        ]
        text = HEAD + "  rules:\n" + "".join(f"    - {line}\n" for line in lines)
        tools = [{"name": f"t{n}", "inputSchema": root} for n in range(TOOLS)]
        compiled = compile_text(text, tools=known({"default": tools}))
        assert compiled.policy is not None
        evaluator = Evaluator(compiled.policy.graph)
        for found in compiled.diagnostics:
            if found.code not in NEVER | {"HL443"}:
                continue
            number = found.span.line - text[: text.index("    - ")].count("\n") - 1
            _, test = tests[number]
            (test,) = test.values() if "every" in test else (test,)
            # Where one member of a list is meant, others may hold.
            is_of_one = "in" in test or (" is never " in found.message and "eq" not in test)
            if found.code != "HL443" and is_of_one:
                continue
            for each in allowed:
                decision = evaluator.decide(
                    tool_call(f"t{number}", json.dumps(each).encode()), "default"
                )
                assert decision.action == "deny", (root, tests[number], each, found.message)
                counted[found.code] += 1
    assert all(counted[code] > 20 for code in ("HL443", "HL444", "HL446")), counted


def test_of_single_values_all_is_said_that_can_be() -> None:
    """Exactly the tests are told that hold for none of these values."""
    numbers = [-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 7]
    values: list[Any] = [*numbers, "", "x", "7", True, False, None, [], ["x"], ["7"], {}]
    schemas: list[Any] = [
        {"type": name} for name in ("string", "number", "boolean", "null", "array")
    ]
    schemas += [{"type": ["string", "null"]}, {"enum": ["x", 7]}, {"const": True}]
    schemas += [{"type": "number", bound: end} for bound in BOUNDS for end in (0, 1, 2.5)]
    schemas += [{"type": "number", "minimum": 1, "exclusiveMaximum": 2.5}]
    tests = [{operator: end} for operator in ("gt", "gte", "lt", "lte") for end in (0, 1, 2.5)]
    tests += [{"eq": end} for end in ("x", 1, 0, 2.5, True, None, [])]
    tests += [{"neq": end} for end in ("y", 9, True, None)]
    tests += [{"in": ["x", 1]}, {"not_in": ["y", 9]}, {"not_in": ["y", "z"]}, {"contains": "x"}]
    tests += [{"starts_with": "x"}, {"ends_with": "7"}, {"contains": "7"}]
    asked = [(each, test) for each in schemas for test in tests]
    lines = [
        json.dumps({"match": {"tool": f"t{n}", "input": {"a": test}}, "action": "allow"})
        for n, (_, test) in enumerate(asked)
    ]
    text = HEAD + "  rules:\n" + "".join(f"    - {line}\n" for line in lines)
    tools = [tool(f"t{n}", {"a": each}) for n, (each, _) in enumerate(asked)]
    compiled = compile_text(text, tools=known({"default": tools}))
    assert compiled.policy is not None
    evaluator = Evaluator(compiled.policy.graph)
    above = text[: text.index("    - ")].count("\n") + 1
    found = [each for each in compiled.diagnostics if each.code in NEVER]
    # Of a value that is not listed it is also told where the test, its negation, holds.
    never = {
        each.span.line - above
        for each in found
        if "never holds" in each.message or not asked[each.span.line - above][1].keys() & NEGATIONS
    }
    for number, (each, test) in enumerate(asked):
        valid = Draft202012Validator(each)
        calls = [{"a": value} for value in values if valid.is_valid(value)]
        messages = [tool_call(f"t{number}", json.dumps(call).encode()) for call in calls]
        holds = any(evaluator.decide(each, "default").action == "allow" for each in messages)
        if "in" in test:
            # Each member is told on its own.
            assert holds or number in never, (each, test)
        else:
            assert (number in never) is not holds, (each, test)
