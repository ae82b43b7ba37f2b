"""Random policies whose rules are near each other, and calls near what they say: the numbers that
they name and their neighbours, texts on both sides of their patterns, tools that few of the globs
take in. Calls that are drawn from anywhere would hardly ever meet two rules.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from helio.evaluator import LanguageError, distinguish

Rule = dict[str, Any]
Call = dict[str, Any]

GLOBS = ("pay", "pay_*", "p*", "*_refund", "pay_{card,refund}", "pay_?*", "*", "[!p]*", "get_?")
NUMBERS = (0, 1, 2, 10, 10.5, 100, -1)
TEXTS = ("a", "ab", "abc", "b", "GBP", "", "a-b")
REGEXES = ("^a", "b$", "^a.*b$", "^(a|ab)$", "[0-9]", "^[A-Z]{3}$", r"\bab\b")
HINTS = ("readOnlyHint", "destructiveHint", "openWorldHint")
ACTIONS = ("allow", "deny", "deny", "allow", "require_approval", "dry_run")
PATHS = ("n", "t", "n.x", "l[*]", "l[0]")


def policy(chance: random.Random) -> list[Rule]:
    """Two to seven rules; the first is for a tool that others may require."""
    free = {"match": {"tool": "free"}, "action": "allow"}
    return [free, *(rule(chance) for _ in range(chance.randint(2, 7)))]


def rule(chance: random.Random) -> Rule:
    """One rule, mostly with few conditions."""
    match: Rule = {}
    if chance.random() < 0.7:
        match["tool"] = chance.sample(GLOBS, chance.choice([1, 1, 2]))
    if chance.random() < 0.6:
        paths = chance.sample(PATHS, chance.choice([1, 1, 2]))
        match["input"] = {path: asked(chance) for path in paths}
    if chance.random() < 0.15:
        match["agent"] = chance.choice(GLOBS)
    if chance.random() < 0.15:
        match["annotations"] = {chance.choice(HINTS): chance.random() < 0.5}
    if chance.random() < 0.15:
        key = chance.choice(["labels", "called", "not_called"])
        match["session"] = {key: chance.sample(["p", "q"], chance.choice([1, 2]))}
    made: Rule = {"match": match, "action": chance.choice(ACTIONS)}
    if chance.random() < 0.1:
        made["shadow"] = True
    if chance.random() < 0.1:
        made["requires"] = ["free"]
    return made


def asked(chance: random.Random) -> Any:
    """What is asked of one path."""
    tests = dict(test(chance) for _ in range(chance.choice([1, 1, 2])))
    return {"every": tests} if chance.random() < 0.2 else tests


def test(chance: random.Random) -> tuple[str, Any]:
    """An operator with an operand."""
    kind = chance.randrange(5)
    if kind < 2:
        return chance.choice(["gt", "gte", "lt", "lte"]), chance.choice(NUMBERS)
    if kind == 2:
        operator = chance.choice(["eq", "neq", "contains", "starts_with", "ends_with"])
        operand = chance.choice(TEXTS if "with" in operator else (*TEXTS, *NUMBERS, True, None))
        return operator, operand
    if kind == 3:
        return chance.choice(["in", "not_in"]), chance.sample((*TEXTS, *NUMBERS), 2)
    if chance.random() < 0.2:
        return "exists", chance.random() < 0.7
    return "regex", chance.choice(REGEXES)


class Near:
    """Calls near the rules of a policy."""

    def __init__(self, rules: list[Rule]) -> None:
        matches = [each["match"] for each in rules]
        globs = [glob for match in matches for glob in _listed(match.get("tool", []))]
        self._tools = [*_kinds([("glob", each) for each in globs]), "free", "other"]
        agents = [match["agent"] for match in matches if "agent" in match]
        self._agents = [*_kinds([("glob", each) for each in agents]), None]
        self._values: dict[str, list[Any]] = {}
        for match in matches:
            for path, wanted in match.get("input", {}).items():
                known = self._values.setdefault(path, [True, None, 7, "z", {"x": 1}, []])
                known.extend(_near_values(wanted.get("every", wanted)))

    def calls(self, chance: random.Random) -> Iterator[Call]:
        """Calls without end."""
        while True:
            yield {
                "tool": chance.choice(self._tools),
                "arguments": self._arguments(chance),
                "annotations": {
                    hint: chance.random() < 0.5 for hint in HINTS if chance.random() < 0.5
                },
                "agent": chance.choice(self._agents),
                "session": None
                if chance.random() < 0.3
                else {
                    name: [each for each in ("p", "q") if chance.random() < 0.5]
                    for name in ("labels", "called")
                },
            }

    def _arguments(self, chance: random.Random) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for path, values in self._values.items():
            if chance.random() < 0.15:
                continue
            value = chance.choice(values)
            match path:
                case "n.x":
                    arguments["n"] = {"x": value}
                case "l[*]" | "l[0]":
                    others = chance.choices(values, k=chance.choice([0, 0, 1]))
                    arguments["l"] = [value, *others]
                case _:
                    arguments[path] = value
        return arguments


def _near_values(tests: dict[str, Any]) -> Iterator[Any]:
    languages = []
    for operator, operand in tests.items():
        for each in operand if isinstance(operand, list) else [operand]:
            if isinstance(each, int | float) and not isinstance(each, bool):
                yield from (each, each - 1, each + 1, float(Decimal(str(each)) + Decimal("0.5")))
            elif isinstance(each, str):
                yield each
                languages.append((_LANGUAGES.get(operator, "exact"), each))
    yield from _kinds(languages)


_LANGUAGES = {word: word for word in ("regex", "contains", "starts_with", "ends_with")}


def _kinds(languages: list[tuple[str, str]]) -> Iterator[str]:
    """Texts on both sides of each language, and of two at once."""
    found = {}
    for place, language in enumerate(languages):
        for other in languages[place:]:
            try:
                kinds, _ = distinguish([[language], [other]], True, 5_000)
            except LanguageError:
                continue
            found.update(dict.fromkeys(text for _, text in kinds if text is not None))
    yield from found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
