"""What is too much to compare is said to be unknown, and costs no more."""

from helio.policy import Compiled, compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\npolicies:\n  rules:\n"


def compiled(rules: list[str]) -> Compiled:
    return compile_text(HEAD + "".join(f"    - {rule}\n" for rule in rules))


def test_more_than_may_be_compared_is_open() -> None:
    rules = [
        f"{{ match: {{ tool: 'p*', input: {{ a: {{ contains: x{index} }} }} }}, action: deny }}"
        for index in range(1500)
    ]
    found = list(compiled(rules).diagnostics)
    assert [each.code for each in found] == ["HL431"]
    assert "are reached was not found out" in found[0].message


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
