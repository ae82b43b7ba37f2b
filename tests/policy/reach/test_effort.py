"""What is too much to compare is said to be unknown, and costs no more."""

from helio.policy import Compiled, compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\npolicies:\n  rules:\n"


def compiled(rules: list[str]) -> Compiled:
    return compile_text(HEAD + "".join(f"    - {rule}\n" for rule in rules))


def test_more_than_may_be_compared_is_open() -> None:
    # No call is written for so long a list, so that all rules are compared at once.
    rules = [
        f"{{ match: {{ tool: 'p*', input: {{ '$.a[500]': {{ contains: x{index} }} }} }}, "
        "action: deny }"
        for index in range(50)
    ]
    found = list(compiled(rules).diagnostics)
    assert {each.code for each in found} == {"HL431"}
    expected = "was not found out: there is too much to compare"
    assert any(each.message.endswith(expected) for each in found)


def test_rules_of_one_glob_are_compared_by_the_calls_that_get_through() -> None:
    rules = [
        f"{{ match: {{ tool: 'p*', input: {{ a: {{ contains: x{index} }} }} }}, action: deny }}"
        for index in range(500)
    ]
    hidden = "{ match: { tool: pay, input: { a: { eq: x7 } } }, action: deny }"
    (found,) = compiled([*rules, hidden]).diagnostics
    assert (found.code, found.span.line) == ("HL427", 505)
    assert [each.span.line for each in found.related] == [12]


def test_a_regex_that_is_too_large_is_named() -> None:
    rules = [
        "{ match: { tool: p, input: { a: { regex: '(a|b)*a(a|b){16}$' } } }, action: deny }",
        "{ match: { tool: p, input: { a: { regex: '(b|a)*b(a|b){16}$' } } }, action: allow }",
    ]
    (found,) = compiled(rules).diagnostics
    assert (found.code, found.span.line) == ("HL431", 6)
    expected = "not found out: `a`: the patterns have too many states together"
    assert found.message.endswith(expected)


def test_one_rule_in_front_of_many_is_named_for_each() -> None:
    rules = ["{ match: { tool: 'p*' }, action: deny }"]
    rules += [f"{{ match: {{ tool: pay_{index} }}, action: allow }}" for index in range(50)]
    found = list(compiled(rules).diagnostics)
    assert [each.code for each in found] == ["HL427"] * 50
    assert {each.related[0].span.line for each in found} == {5}
    assert [each.witness["tool"] for each in found[:2]] == ["pay_0", "pay_1"]  # type: ignore[index]


def test_another_environment_is_no_business_of_ours() -> None:
    text = HEAD.replace("policies", "environment: test\npolicies")
    rules = (
        "    - { match: { tool: a, environment: production }, action: allow }\n"
        "    - { match: { tool: a }, action: deny }\n"
    )
    assert list(compile_text(text + rules).diagnostics) == []
