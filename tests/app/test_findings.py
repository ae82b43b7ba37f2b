"""What operators are shown of the findings about the configuration's file."""

from helio.app.findings import Findings
from helio.evaluator import Redactor
from helio.policy import compile_text

WARNED = """
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
dashboard: { api_secret: a-secret-of-somebody }
policies:
  rules:
    - { name: all, match: { tool: pay }, action: deny }
    - { name: never, match: { tool: pay }, action: allow }
"""
PLAIN = Redactor(b"[]", b"k" * 32, ["very-secret-text"])


def test_what_runs_and_what_was_refused_are_told_apart() -> None:
    findings = Findings()
    assert findings.shown(PLAIN) == {"findings": [], "refused": []}
    findings.take(compile_text(WARNED))
    findings.refuse(compile_text(WARNED.replace("action: deny", "action: denied")))
    shown = findings.shown(PLAIN)
    (never,) = shown["findings"]
    assert (never["severity"], never["path"], never["line"]) == (
        "warning",
        "policies.rules[1].match",
        8,
    )
    assert "8 |     - { name: never" in never["text"]
    assert [each["severity"] for each in shown["refused"]] == ["error"]
    findings.take(compile_text(WARNED))
    assert findings.shown(PLAIN)["refused"] == []


def test_no_secret_is_shown() -> None:
    findings = Findings()
    findings.refuse(compile_text(WARNED.replace("api_secret:", "apisecret:")))
    findings.take(compile_text(WARNED.replace("never", "very-secret-text")))
    shown = str(findings.shown(PLAIN))
    assert "very-secret-text" not in shown
    findings.refuse(compile_text(WARNED.replace("api_secret:", "api_secret: 7, api-secret:")))
    assert "a-secret-of-somebody" not in str(findings.shown(PLAIN))
