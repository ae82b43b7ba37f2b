"""Policies and cases as texts, and what came of them."""

from pathlib import Path
from textwrap import dedent

from helio.cli.testing_subject import load_subject
from helio.simulation.testing.coverage import Coverage
from helio.simulation.testing.mutants import Mutant, mutants, survivors
from helio.simulation.testing.reading import read_tests
from helio.simulation.testing.running import Result, run
from helio.simulation.testing.told import Outcome

HEAD = "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp' }\n"


def played(directory: Path, policy: str, cases: str) -> Outcome:
    """The cases, played with the policy of a configuration without its head."""
    config = directory / "helio.yaml"
    config.write_text(HEAD + dedent(policy), "utf-8")
    subject = load_subject(config)
    read = read_tests(dedent(cases), "cases.yaml")
    assert not read.diagnostics.has_errors, list(read.diagnostics)
    coverage = Coverage(subject.known(subject.surroundings.environment))
    return Outcome([run(case, subject, coverage) for case in read.cases], coverage)


def failures(outcome: Outcome) -> list[tuple[int, str, str, str]]:
    """`(step, field, expected, found)` of all that went otherwise."""
    return [
        (failure.number, each.field, each.expected, each.found)
        for result in outcome.results
        for failure in result.failures
        for each in failure.mismatches
    ]


def reasons(result: Result) -> list[str]:
    """All that is said of why."""
    return [sentence for failure in result.failures for sentence in failure.why]


def unnoticed(directory: Path, policy: str, cases: str) -> list[str]:
    """The mutants of a policy that its cases do not notice, as `rule: what`."""
    config = directory / "helio.yaml"
    config.write_text(HEAD + dedent(policy), "utf-8")
    subject = load_subject(config)
    read = read_tests(dedent(cases), "cases.yaml")
    assert all(run(case, subject).passed for case in read.cases)
    tried: list[Mutant] = list(mutants(subject.policy))
    found = survivors(subject, read.cases, tried, lambda _done: None)
    return [f"{each.rule}: {each.what}" for each in found]
