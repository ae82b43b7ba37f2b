"""Findings as SARIF 2.1.0, which code scanning and editors read.

Above: `helio compile --format sarif`. Below: `codes`, `diagnostic`. Pure. The form is that of OASIS
SARIF 2.1.0; lines and columns count from 1, columns in characters, as everywhere in Helio.
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from urllib.parse import quote

from helio.diagnostics.codes import Code
from helio.diagnostics.diagnostic import Diagnostic
from helio.diagnostics.nodes import Span

Object = dict[str, object]
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(diagnostics: Iterable[Diagnostic], codes: Sequence[Code], version: str) -> Object:
    """A whole log of one run. `codes` are all that could be found, `version` is Helio's. Every
    finding's code must be among them."""
    places = {code.id: index for index, code in enumerate(codes)}
    driver: Object = {
        "name": "Helio",
        "version": version,
        "rules": [_rule(code) for code in codes],
    }
    run: Object = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, places[each.code]) for each in diagnostics],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: Code) -> Object:
    return {
        "id": code.id,
        "shortDescription": {"text": code.title},
        "help": {"text": code.remedy, "markdown": code.remedy},
        "defaultConfiguration": {"level": code.severity},
    }


def _result(found: Diagnostic, place: int) -> Object:
    hint = f"\nhint: {found.hint}" if found.hint else ""
    location = _location(found.file, found.span)
    if found.path:
        location["logicalLocations"] = [{"fullyQualifiedName": found.path}]
    result: Object = {
        "ruleId": found.code,
        "ruleIndex": place,
        "level": found.severity,
        "message": {"text": found.message + hint},
        "locations": [location],
    }
    if found.related:
        result["relatedLocations"] = [
            {**_location(found.file, label.span), "message": {"text": label.text}}
            for label in found.related
        ]
    if found.fix is not None:
        result["fixes"] = [_fix(found, found.fix)]
    if found.witness is not None:
        result["properties"] = {"witness": found.witness}
    return result


def _fix(found: Diagnostic, text: str) -> Object:
    replacement = {"deletedRegion": _region(found.span), "insertedContent": {"text": text}}
    change = {"artifactLocation": {"uri": _uri(found.file)}, "replacements": [replacement]}
    return {"description": {"text": f"Write {text}"}, "artifactChanges": [change]}


def _location(file: str, span: Span) -> Object:
    artifact = {"uri": _uri(file)}
    return {"physicalLocation": {"artifactLocation": artifact, "region": _region(span)}}


def _region(span: Span) -> Object:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(file: str) -> str:
    """A relative reference for a relative path: readers resolve it against the repository."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
