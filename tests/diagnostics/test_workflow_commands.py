"""GitHub's workflow commands: one line each, whatever stands in a finding."""

import re

import pytest

from helio.diagnostics import Diagnostic, Label, Span
from helio.diagnostics.codes import Severity
from helio.diagnostics.workflow_commands import workflow_command


def finding(
    message: str = "wrong", *, severity: Severity = "error", file: str = "a.yaml"
) -> Diagnostic:
    return Diagnostic("HL999", severity, message, None, file, Span(2, 3, 2, 5))


@pytest.mark.parametrize(
    ("severity", "command"), [("error", "error"), ("warning", "warning"), ("note", "notice")]
)
def test_severities(severity: Severity, command: str) -> None:
    written = workflow_command(finding(severity=severity))
    assert written == f"::{command} file=a.yaml,line=2,col=3,endColumn=5,title=HL999::wrong"


def test_what_would_end_a_property_is_encoded() -> None:
    written = workflow_command(finding(file="a,b:c%d.yaml"))
    assert written.startswith("::error file=a%2Cb%3Ac%25d.yaml,line=2,")


def test_the_message_keeps_its_signs_but_percent_and_breaks() -> None:
    written = workflow_command(finding("100% of a, b: c\n::error ::\r\x1b[0m"))
    assert written.endswith("::100%25 of a, b: c�::error ::��[0m")
    assert len(re.findall(r"[\r\n\x1b]", written)) == 0


def test_hint_path_and_other_places_follow_in_lines_of_their_own() -> None:
    found = Diagnostic(
        *("HL999", "error", "wrong", "do it", "a.yaml", Span(2, 3, 2, 5), "a.b"),
        related=(Label(Span(1, 1, 1, 2), "the first one"),),
    )
    text = workflow_command(found).partition("::wrong")[2]
    assert text == "%0Ain: a.b%0Ahint: do it%0Aline 1: the first one"


def test_what_spans_lines_has_no_columns() -> None:
    found = Diagnostic("HL999", "error", "wrong", None, "a.yaml", Span(2, 3, 4, 1))
    assert workflow_command(found) == "::error file=a.yaml,line=2,endLine=4,title=HL999::wrong"
