"""Results for machines: JSON, TAP, JUnit. Pure.

Above: `helio.cli`. Below: `running`, `coverage`, `mutants`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from helio.simulation.testing.coverage import Coverage
from helio.simulation.testing.mutants import Mutant
from helio.simulation.testing.running import Failure, Result

_UNFIT_FOR_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of all cases. `survivors` is None when no mutants were tried, else those of
    `mutants` many that no case noticed."""

    results: Sequence[Result]
    coverage: Coverage
    mutants: int = 0
    survivors: Sequence[Mutant] | None = None

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(not each.passed for each in self.results)

    @property
    def passed(self) -> int:
        """How many did not."""
        return len(self.results) - self.failed

    def as_object(self) -> dict[str, object]:
        """As JSON output has it (product reference, "The command line")."""
        told: dict[str, object] = {
            "passed": self.passed,
            "failed": self.failed,
            "coverage": self.coverage.as_object(),
            "cases": [_case(each) for each in self.results],
        }
        if self.survivors is not None:
            told["mutants"] = {
                "tried": self.mutants,
                "survived": [each.as_object() for each in self.survivors],
            }
        return told


def tap(outcome: Outcome) -> str:
    """TAP 14: one test point a case, what failed as its YAML block; coverage, and the mutants that
    no case noticed, as comments."""
    lines = ["TAP version 14", f"1..{len(outcome.results)}"]
    for number, result in enumerate(outcome.results, 1):
        name = result.case.name.replace("\\", "\\\\").replace("#", "\\#")
        lines.append(f"{'ok' if result.passed else 'not ok'} {number} - {_one_line(name)}")
        if result.failures:
            first = result.failures[0]
            lines += [
                "  ---",
                f"  message: {json.dumps(summary(first))}",
                f"  at: {json.dumps(f'{result.case.file}:{first.span.line}:{first.span.column}')}",
                f"  why: {json.dumps(list(first.why))}",
                "  ...",
            ]
    lines.append(f"# coverage {outcome.coverage.percent}%")
    if outcome.survivors is not None:
        noticed = outcome.mutants - len(outcome.survivors)
        lines.append(f"# mutants: {noticed} of {outcome.mutants} noticed")
        for each in outcome.survivors:
            told = f"line {each.line}: `{each.rule}`: {each.what}"
            lines.append(f"# not noticed: {_one_line(told)}")
    return "\n".join(lines) + "\n"


def junit(outcome: Outcome) -> str:
    """JUnit's XML: a suite for each file."""
    by_file: dict[str, list[Result]] = {}
    for result in outcome.results:
        by_file.setdefault(result.case.file, []).append(result)
    totals = {"tests": str(len(outcome.results)), "failures": str(outcome.failed)}
    root = ElementTree.Element("testsuites", {"name": "helio test", **totals})
    for file, results in by_file.items():
        counted = {
            "name": _fit(file),
            "tests": str(len(results)),
            "failures": str(sum(not each.passed for each in results)),
        }
        suite = ElementTree.SubElement(root, "testsuite", counted)
        for result in results:
            _junit_case(suite, result)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def summary(failure: Failure) -> str:
    """A failure in one line."""
    parts = [
        f"{each.field}: expected {each.expected}, found {each.found}" for each in failure.mismatches
    ]
    return f"step {failure.number} ({failure.what}): {'; '.join(parts)}"


def _junit_case(suite: ElementTree.Element, result: Result) -> None:
    case = result.case
    named = {"name": _fit(case.name), "classname": _fit(case.file), "file": _fit(case.file)}
    element = ElementTree.SubElement(suite, "testcase", {**named, "line": str(case.span.line)})
    for failure in result.failures:
        told = ElementTree.SubElement(element, "failure", {"message": _fit(summary(failure))})
        told.text = _fit("\n".join([f"{case.file}:{failure.span.line}", *failure.why]))


def _case(result: Result) -> dict[str, object]:
    case = result.case
    return {
        "name": case.name,
        "file": case.file,
        "line": case.span.line,
        "passed": result.passed,
        "failures": [
            {
                "step": failure.number,
                "what": failure.what,
                "line": failure.span.line,
                "mismatches": [
                    {
                        "field": each.field,
                        "expected": each.expected,
                        "found": each.found,
                        "line": each.span.line,
                        "column": each.span.column,
                    }
                    for each in failure.mismatches
                ],
                "why": list(failure.why),
            }
            for failure in result.failures
        ],
    }


def _fit(text: str) -> str:
    return text.translate(_UNFIT_FOR_XML)


def _one_line(text: str) -> str:
    return " ".join(text.split())
