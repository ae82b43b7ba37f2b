"""What `helio test` tests: the policy of a configuration, and the cases of test files.

Above: `testing`. Below: `candidate` (loads policies), `helio.simulation.testing`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from helio.approvals.settings import ApprovalSettings
from helio.cli import output
from helio.cli.candidate import compiled_in, compiled_or_ended, loaded_for_trying
from helio.cli.known_tools import lock_beside
from helio.config import HelioConfig
from helio.diagnostics import Diagnostic, Diagnostics, SourceText, Span
from helio.diagnostics.codes import ENCODING, TOO_LARGE
from helio.diagnostics.yaml_document import MAXIMUM_BYTES
from helio.errors import ProgrammingError
from helio.governance.lock import ToolLock
from helio.governance.sessions import Sessions
from helio.simulation.testing.document import Case
from helio.simulation.testing.reading import TestFile, read_tests
from helio.simulation.testing.subject import Subject, Surroundings
from helio.upstream.registry import DEFAULT_NAME

DIRECTORY = "policy_tests"
_SUFFIXES = (".yaml", ".yml")


def load_subject(path: Path) -> Subject:
    """The policy of the configuration at `path`. Ends the command, with every fault, when it
    cannot be read or is not valid."""
    try:
        loaded = loaded_for_trying(path)
    except OSError as error:
        output.unreadable(path, error)
    policy = compiled_or_ended(loaded)
    config = loaded.config
    if config is None:
        raise ProgrammingError("a policy without its configuration")
    environment = config.environment
    compiled = partial(compiled_in, path)
    return Subject(
        lambda asked: policy if asked == environment else compiled(asked),
        _surroundings(path, config),
    )


def _surroundings(path: Path, config: HelioConfig) -> Surroundings:
    session, asked = config.session, config.approval
    return Surroundings(
        file=str(path),
        environment=config.environment,
        upstream=config.upstreams[0].name if config.upstreams else DEFAULT_NAME,
        upstreams=tuple(str(each.name) for each in config.upstreams or ()),
        session_falls_back=session.on_unresolved == "anonymous",
        approvals=ApprovalSettings(
            mode=asked.mode,
            timeout_ms=int(asked.timeout),
            default_on_timeout=asked.default_on_timeout,
            grant_ttl_ms=int(asked.grant_ttl),
            channels=tuple(each.label for each in asked.channels) or ("dashboard",),
        ),
        sessions=lambda: Sessions(
            most=session.max,
            most_per_agent=session.max_per_agent,
            idle_ns=int(session.idle_timeout) * 1_000_000,
        ),
        headers=tuple(source.name for source in session.identity),
        lock=lock_beside(path) or ToolLock(),
    )


def found_files(paths: Sequence[Path], config: Path) -> list[Path]:
    """The test files at these paths, or in `policy_tests` beside the configuration. Ends the
    command when there are none."""
    if not paths:
        directory = config.parent / DIRECTORY
        if not directory.is_dir():
            hint = "write cases into policy_tests/*.yaml, or name the files: docs/policy-tests.md"
            output.fail(f"{directory}: there are no policy tests", hint)
        paths = [directory]
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = (each for each in path.rglob("*") if each.suffix in _SUFFIXES)
            files.update(dict.fromkeys(sorted(each for each in inside if each.is_file())))
        elif path.exists():
            files[path] = None
        else:
            output.fail(f"{path}: no such file or directory")
    if not files:
        output.fail(f"{paths[0]}: no policy test files (*.yaml) are there")
    return list(files)


@dataclass(frozen=True, slots=True)
class Suite:
    """All cases, or what is wrong in their files, each finding with its file's text."""

    cases: list[Case]
    findings: list[tuple[Diagnostic, SourceText]]

    @property
    def is_faulty(self) -> bool:
        """Whether anything forbids to run them."""
        return any(found.severity == "error" for found, _ in self.findings)


def load_suite(files: list[Path], upstreams: Collection[str]) -> Suite:
    """Reads test files; `upstreams` are the names of several. Ends the command over one that cannot
    be read."""
    suite = Suite([], [])
    for file in files:
        read = _read(file, upstreams)
        suite.cases.extend(read.cases)
        suite.findings.extend((found, read.source) for found in read.diagnostics)
    return suite


def _read(path: Path, upstreams: Collection[str]) -> TestFile:
    try:
        with path.open("rb") as file:
            raw = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        output.fail(f"{path}: {error.strerror or error}")
    diagnostics = Diagnostics(str(path))
    if len(raw) > MAXIMUM_BYTES:
        message = f"the file has more than {MAXIMUM_BYTES:,} bytes"
        diagnostics.add(TOO_LARGE, message, Span(1, 1, 1, 1))
        return TestFile((), diagnostics, SourceText(str(path), ""))
    try:
        return read_tests(raw.decode("utf-8"), str(path), upstreams)
    except UnicodeDecodeError:
        diagnostics.add(ENCODING, "the file is not UTF-8", Span(1, 1, 1, 1))
        return TestFile((), diagnostics, SourceText(str(path), ""))
