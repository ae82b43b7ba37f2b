"""Corrections: what is replaced, and what is left for people."""

import pytest

from helio.diagnostics import Diagnostic, Span, only_typo
from helio.diagnostics.fixing import corrected
from helio.policy import compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"


def finding(span: Span, fix: str | None) -> Diagnostic:
    return Diagnostic("HL999", "error", "wrong", None, "a.yaml", span, fix=fix)


def test_only_the_stretch_is_replaced() -> None:
    text = "\ufeffa: 1 # é\r\nb: 2\rc: 3\n"
    found = [finding(Span(2, 1, 2, 2), "bb"), finding(Span(3, 4, 3, 5), "")]
    assert corrected(text, found) == ("\ufeffa: 1 # é\r\nbb: 2\rc: \n", found)


def test_of_two_that_overlap_the_first_is_made() -> None:
    one, other = finding(Span(1, 1, 1, 3), "x"), finding(Span(1, 2, 1, 4), "y")
    assert corrected("abcd", [one, other]) == ("xcd", [one])


@pytest.mark.parametrize(
    ("text", "span", "fix"),
    [
        ("a: 1", Span(1, 4, 1, 5), None),
        ("a: &x 1", Span(1, 4, 1, 8), "2"),
        ("a: !x 1", Span(1, 4, 1, 8), "2"),
        ("a: 'b\n c'", Span(1, 4, 2, 4), "2"),
        ("a: 1", Span(3, 1, 3, 2), "2"),
    ],
)
def test_what_is_left(text: str, span: Span, fix: str | None) -> None:
    assert corrected(text, [finding(span, fix)]) == (text, [])


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("polices: { default: deny }", "policies: { default: deny }"),
        ("policies: { dry_run: yes }", "policies: { dry_run: true }"),
        ("policies: { dry_run: 'false' }", "policies: { dry_run: false }"),
        ("policies: { blocked-as: error }", "policies: { blocked_as: error }"),
        ("approval: { timeout: 30 secs }", "approval: { timeout: 30s }"),
        ("approval: { timeout: 5mins }", "approval: { timeout: 5m }"),
        ("approval: { timeout: '1 hour' }", "approval: { timeout: 1h }"),
        ("approval: { timeout: 2 days }", "approval: { timeout: 2d }"),
        ("approval: { timeout: 100 ms }", "approval: { timeout: 100ms }"),
        ("listen: { port: '3000' }", "listen: { port: 3000 }"),
        ("environment: 5", "environment: '5'"),
        ("audit: { storage: sqlite }", "audit: { storage: duckdb }"),
        (
            "policies: { rules: [{ match: { tool: 5 }, acton: deny }] }",
            "policies: { rules: [{ match: { tool: '5' }, action: deny }] }",
        ),
        (
            "policies: { rules: [{ match: { input: { a: { exist: true } } }, action: deyn }] }",
            "policies: { rules: [{ match: { input: { a: { exists: true } } }, action: deny }] }",
        ),
    ],
)
def test_what_is_corrected(wrong: str, right: str) -> None:
    assert corrected(HEAD + wrong, compile_text(HEAD + wrong).diagnostics)[0] == HEAD + right


@pytest.mark.parametrize(
    "text",
    [
        "policies: { default: reject }",
        "policies: { rules: [{ match: { tool: a }, mach: { tool: b }, action: deny }] }",
        "approval: { timeout: 30 }",
        "approval: { timeout: 1 month }",
        "approval: { timeout: '${TIMEOUT:-30 secs}' }",
        "policies: { default: '${DEFAULT:-alow}' }",
        "dashboard: { api_secret: 12345678901234567 }",
        "upstream2: { url: x, port: 5 }",
    ],
)
def test_what_could_be_meant_otherwise_is_left(text: str) -> None:
    found = compile_text(HEAD + text).diagnostics
    assert found.has_errors
    assert corrected(HEAD + text, found) == (HEAD + text, [])


def test_no_finding_repeats_a_secret() -> None:
    found = compile_text(HEAD + "dashboard: { api_secret: 12345678901234567 }").diagnostics
    assert "12345678" not in str([each.as_object() for each in found])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("alow", "allow"), ("allwo", "allow"), ("alllow", "allow"), ("Allow", "allow")),
        *(("ellow", "allow"), ("al-low", "allow"), ("aloww", None), ("dey", None), ("", None)),
        *(("dent", None), ("dens", None)),
    ],
)
def test_typos(written: str, meant: str | None) -> None:
    assert only_typo(written, ("allow", "deny", "dens")) == meant
