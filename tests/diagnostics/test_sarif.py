"""SARIF 2.1.0: the members that its schema requires, and places that lead back to the finding."""

import json
from typing import Any

from helio.diagnostics import Diagnostic, Label, Span
from helio.diagnostics.codes import SYNTAX_CODES
from helio.diagnostics.sarif import as_sarif

FOUND = Diagnostic(
    *(
        "HL002",
        "error",
        "the key `a` stands twice",
        "remove one",
        "a.yaml",
        Span(2, 3, 2, 5),
        "a.b",
    ),
    witness={"tool": "x"},
    related=(Label(Span(1, 1, 1, 2), "the first one"),),
)


def run(*found: Diagnostic) -> dict[str, Any]:
    log = json.loads(json.dumps(as_sarif(found, SYNTAX_CODES, "1.2.3")))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (only,) = log["runs"]
    assert isinstance(only, dict)
    return only


def test_every_code_is_a_rule_with_its_help() -> None:
    driver = run()["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("Helio", "1.2.3")
    assert [(rule["id"], rule["help"]["text"]) for rule in driver["rules"]] == [
        (code.id, code.remedy) for code in SYNTAX_CODES
    ]
    levels = [rule["defaultConfiguration"]["level"] for rule in driver["rules"]]
    assert levels == [code.severity for code in SYNTAX_CODES]


def test_a_result() -> None:
    whole = run(FOUND)
    assert whole["columnKind"] == "unicodeCodePoints"
    (result,) = whole["results"]
    region = {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 5}
    first = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2}
    place = {"artifactLocation": {"uri": "a.yaml"}}
    assert result == {
        "ruleId": "HL002",
        "ruleIndex": 1,
        "level": "error",
        "message": {"text": "the key `a` stands twice\nhint: remove one"},
        "locations": [
            {
                "physicalLocation": {**place, "region": region},
                "logicalLocations": [{"fullyQualifiedName": "a.b"}],
            }
        ],
        "relatedLocations": [
            {
                "physicalLocation": {**place, "region": first},
                "message": {"text": "the first one"},
            }
        ],
        "properties": {"witness": {"tool": "x"}},
    }
    assert whole["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_files_are_uri_references() -> None:
    def uri(file: str) -> str:
        found = Diagnostic("HL001", "error", "wrong", None, file, Span(1, 1, 1, 2))
        (result,) = run(found)["results"]
        return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    assert uri("policies/größe 1.yaml") == "policies/gr%C3%B6%C3%9Fe%201.yaml"
    assert uri("/etc/helio.yaml") == "file:///etc/helio.yaml"
    assert uri("a:b.yaml") == "a%3Ab.yaml"
