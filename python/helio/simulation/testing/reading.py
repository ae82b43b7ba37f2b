"""A policy test file from text to cases, strictly: every fault at once, with its place. Pure.

Above: `helio.cli`. Below: `document`, `helio.policy.reading`, `helio.diagnostics`.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, cast

from helio.config import codes
from helio.config.scalars import Duration, UnfitValue, read_duration
from helio.diagnostics import (
    Diagnostics,
    Mapping,
    Node,
    Scalar,
    SourceText,
    Span,
    child_path,
    near_miss,
    opening,
    parse_yaml,
    quoted,
)
from helio.evaluator import HINTS, MalformedMessage, canonical_json, tool_call
from helio.governance.identity import MAX_SESSION_ID
from helio.governance.sessions import MAX_DOCUMENT
from helio.pipeline.scan import UnfitScan, scan_message
from helio.policy.codes import MISTAKEN_TOOL
from helio.policy.installation import GLOBS, KINDS
from helio.policy.mistaken import told_of_address
from helio.policy.operands import json_text
from helio.policy.reading import Parts, Reader
from helio.policy.tool_codes import NO_SUCH_UPSTREAM
from helio.simulation.testing.document import Answer, Call, Case, Evidence, Expectation, Step

TOP: Final = ("cases", "fixtures")
CASE: Final = ("name", "steps", "environment", "session", "agent")
STEP: Final = (
    *(
        "at",
        "call",
        "install",
        "evidence",
        "approval",
        "session",
        "agent",
        "outcome",
        "times",
        "expect",
    ),
    "use",
)
CALL: Final = ("tool", "arguments", "upstream", "annotations", "listed")
EVIDENCE: Final = ("session", "agent", "key", "data", "ttl")
EXPECT: Final = (
    *("decision", "reason", "rule", "rule_index", "action", "message", "suggestion"),
    *("retry_allowed", "policy_reason", "missing_evidence", "expired_evidence"),
    *("missing_dependencies", "tried", "current_calls", "max_calls", "window_seconds", "key"),
    *("reset_at", "current_spend", "max_spend", "attempted_amount", "currency", "field", "found"),
    *("budgets", "timeout_seconds", "would_forward", "limits", "approval", "labels"),
)
"""What of a call's fate can be expected: the fields of feedback, those of dry runs, and the labels
of its session."""
DECISIONS: Final = (
    *("allow", "deny", "require_approval", "rate_limited", "spend_limited", "budget_exceeded"),
    "dry_run",
)
REASONS: Final = (
    *("policy_denied", "evidence_missing", "evidence_expired", "dependency_missing"),
    *("session_unresolved", "rate_limited", "spend_limited", "invalid_amount", "budget_exceeded"),
    *("approval_denied", "approval_timeout", "approval_pending", "client_disconnected"),
    *("shutdown_cancelled", "tool_definition_drift", "unknown_tool", "audit_unavailable"),
    "state_unavailable",
)
"""Why a call is blocked (product reference, "What the agent gets when blocked")."""
ANSWERS: Final = ("approve", "deny", "timeout")
MOST_TIMES: Final = 10_000
_TTL_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class TestFile:
    """What was read. There are no cases where a diagnostic is an error."""

    __test__ = False

    cases: tuple[Case, ...]
    diagnostics: Diagnostics
    source: SourceText


def read_tests(text: str, file: str, upstreams: Collection[str] = ()) -> TestFile:
    """Reads one file; `file` is its name in diagnostics. `upstreams` are the names of several: a
    call of another one is told in a warning."""
    document = parse_yaml(text, file)
    diagnostics = document.diagnostics
    cases: list[Case] = []
    if document.root is None:
        if not diagnostics.has_errors:
            message = "expected a mapping with `cases`, found nothing"
            diagnostics.add(codes.WRONG_TYPE, message, Span(1, 1, 1, 1))
    else:
        cases = _File(Reader(diagnostics), document.root, file, upstreams).cases()
    return TestFile(() if diagnostics.has_errors else tuple(cases), diagnostics, document.source)


class _File:
    """One file; fixtures are looked up where they are used."""

    def __init__(self, reader: Reader, root: Node, file: str, upstreams: Collection[str]) -> None:
        self._reader = reader
        self._upstreams = upstreams
        self._file = file
        if isinstance(root, Mapping):
            used = {key: each for key, each in root.entries.items() if not key.startswith("x-")}
            root = Mapping(used, root.span)
        self._top = Parts(reader, root, "", TOP)
        fixtures = self._top.inner("fixtures", ("calls", "steps"))
        self._calls = self._named(fixtures, "calls")
        self._steps = self._named(fixtures, "steps")
        # Read once where they are written, so that what is wrong in an unused one is said, too.
        for node, path in self._calls.values():
            self._call(node, path)
        for node, path in self._steps.values():
            for item, at in reader.items(node, path):
                self._step(item, at, within=True)

    def _named(self, fixtures: Parts | None, key: str) -> dict[str, tuple[Node, str]]:
        found = None if fixtures is None else fixtures.get(key)
        if found is None:
            return {}
        node, path = found
        fields = self._reader.fields(node, path)
        return {name: (entry.value, child_path(path, name)) for name, entry in fields.items()}

    def cases(self) -> list[Case]:
        self._top.need("cases")
        found = self._top.get("cases")
        if found is None:
            return []
        names: set[str] = set()
        cases = []
        for node, path in self._reader.items(*found):
            case = self._case(node, path)
            if case.name in names:
                message = f"two cases are called {quoted(case.name)}"
                self._reader.fault(codes.CONFLICT, message, node, path)
            names.add(case.name)
            cases.append(case)
        return cases

    def _case(self, node: Node, path: str) -> Case:
        parts = Parts(self._reader, node, path, CASE)
        parts.need("name", "steps")
        session = parts.read("session", self._session)
        agent = parts.plain("agent")
        steps: list[Step] = []
        found = parts.get("steps")
        for item, at in [] if found is None else self._reader.items(*found):
            steps.extend(
                replace(step, session=step.session or session, agent=step.agent or agent)
                for step in self._steps_of(item, at)
            )
        if found is not None and not any(step.expected for step in steps):
            message = "no step of this case expects anything, so it could not fail"
            hint = "write `expect: { decision: … }` beside a `call`"
            self._reader.fault(codes.MISSING_KEY, message, node, path, hint)
        name, environment = parts.plain("name") or "", parts.plain("environment")
        return Case(self._file, name, opening(node), environment, tuple(steps))

    def _steps_of(self, node: Node, path: str) -> list[Step]:
        """One step, or those of a fixture, the first of which `at` may put off."""
        used = node.get("use") if isinstance(node, Mapping) else None
        if used is None:
            step = self._step(node, path)
            return [] if step is None else [step]
        parts = Parts(self._reader, node, path, ("use", "at"))
        fixture = self._fixture(used, child_path(path, "use"), self._steps)
        if fixture is None:
            return []
        items = self._reader.items(*fixture)
        steps = [step for item, at in items if (step := self._step(item, at, within=True))]
        after = parts.read("at", self._after) or 0
        return [replace(steps[0], after_ms=steps[0].after_ms + after), *steps[1:]] if steps else []

    def _fixture(
        self, node: Node, path: str, known: dict[str, tuple[Node, str]]
    ) -> tuple[Node, str] | None:
        name = self._reader.text(node, path)
        if name is None:
            return None
        fixture = known.get(name.value)
        if fixture is None:
            near = near_miss(name.value, known)
            hint = f"did you mean `{near}`?" if near else "write it under `fixtures`"
            message = f"no fixture is called {quoted(name.value)}"
            self._reader.fault(codes.UNKNOWN_WORD, message, node, path, hint)
        return fixture

    def _step(self, node: Node, path: str, *, within: bool = False) -> Step | None:
        parts = Parts(self._reader, node, path, STEP)
        if not isinstance(node, Mapping):
            return None
        if within and "use" in parts.entries:
            message = "a fixture's steps cannot use another fixture"
            self._reader.fault(codes.CONFLICT, message, node, path)
        kinds = [key for key in ("call", "install", "evidence") if key in parts.entries]
        if len(kinds) > 1 or not (kinds or "approval" in parts.entries):
            message = "a step is one `call`, `install` or `evidence`, or a ticket's `approval`"
            self._reader.fault(codes.CONFLICT, message, node, path)
            return None
        if kinds in ([], ["evidence"]):
            self._only_for_calls(parts, path)
        return Step(
            span=opening(node),
            after_ms=parts.read("at", self._after) or 0,
            call=parts.read("call", self._call) or parts.read("install", self._scan),
            evidence=parts.read("evidence", self._evidence),
            answer=parts.read("approval", self._answer),
            session=parts.read("session", self._session),
            agent=parts.plain("agent"),
            fails=parts.word("outcome", ("success", "error")) == "error",
            times=parts.read("times", self._times) or 1,
            expected=parts.read("expect", self._expected) or (),
        )

    def _only_for_calls(self, parts: Parts, path: str) -> None:
        for key in ("outcome", "expect", "times", "session", "agent"):
            entry = parts.entries.get(key)
            if entry is None:
                continue
            hint = "write it inside `evidence`" if key in EVIDENCE else None
            self._reader.diagnostics.add(
                codes.CONFLICT,
                f"`{key}` goes with a `call` or an `install`",
                entry.key.span,
                child_path(path, key),
                hint,
            )

    def _call(self, node: Node, path: str) -> Call | None:
        if isinstance(node, Scalar):
            fixture = self._fixture(node, path, self._calls)
            if fixture is None:
                return None
            if isinstance(fixture[0], Scalar):
                message = "a fixture's call is a mapping with `tool`"
                self._reader.fault(codes.WRONG_TYPE, message, *fixture)
                return None
            node, path = fixture
        parts = Parts(self._reader, node, path, CALL)
        parts.need("tool")
        tool = parts.plain("tool")
        arguments = parts.read("arguments", self._object) or "{}"
        annotations = parts.read("annotations", self._annotations)
        listed = parts.boolean("listed") is not False
        upstream = parts.plain("upstream")
        if tool is None:
            return None
        self._addressed(parts, tool, upstream)
        try:
            tool_call(tool, arguments.encode())
        except MalformedMessage as error:
            message = f"no door would let this call in: {error.args[3]}"
            self._reader.fault(codes.INVALID_VALUE, message, node, path)
        return Call(tool, arguments, upstream, annotations, listed)

    def _addressed(self, parts: Parts, tool: str, upstream: str | None) -> None:
        """Warns of a call that no configured upstream gets."""
        found = parts.get("tool" if upstream is None else "upstream")
        told = told_of_address(tool, upstream, self._upstreams)
        if found is not None and told is not None:
            (node, path), (message, hint) = found, told
            code = MISTAKEN_TOOL if upstream is None else NO_SUCH_UPSTREAM
            self._reader.diagnostics.add(code, message, opening(node), path, hint)

    def _scan(self, node: Node, path: str) -> Call | None:
        parts = Parts(self._reader, node, path, ("kind", *GLOBS))
        parts.need("kind", "name")
        kind = parts.word("kind", KINDS)
        members = {key: text for key in GLOBS if (text := parts.plain(key)) is not None}
        if kind is None or "name" not in members:
            return None
        try:
            message = scan_message({"kind": kind, **members})
        except UnfitScan as error:
            self._reader.fault(codes.INVALID_VALUE, str(error), node, path)
            return None
        return Call(message.tool or "", (message.arguments or b"").decode(), is_scan=True)

    def _object(self, node: Node, path: str) -> str:
        self._reader.fields(node, path)
        return json_text(node)

    def _annotations(self, node: Node, path: str) -> dict[str, bool]:
        fields = self._reader.fields(node, path, HINTS)
        read = self._reader.boolean
        return {hint: bool(read(entry.value, path)) for hint, entry in fields.items()}

    def _evidence(self, node: Node, path: str) -> Evidence:
        parts = Parts(self._reader, node, path, EVIDENCE)
        parts.need("session", "key")
        data = parts.read("data", self._data) or "null"
        ttl = parts.duration("ttl")
        return Evidence(
            session=parts.read("session", self._session) or "",
            agent=parts.plain("agent"),
            key=parts.plain("key") or "",
            data=data,
            ttl_ms=_TTL_MS if ttl is None else int(ttl),
        )

    def _data(self, node: Node, path: str) -> str:
        try:
            data = canonical_json(json_text(node).encode())
        except ValueError as error:
            self._reader.fault(codes.INVALID_VALUE, f"no mark can hold this: {error}", node, path)
            return "null"
        if len(data) > MAX_DOCUMENT:
            message = f"a mark's data may have {MAX_DOCUMENT} bytes"
            self._reader.fault(codes.INVALID_VALUE, message, node, path)
        return data.decode()

    def _session(self, node: Node, path: str) -> str | None:
        found = self._reader.text(node, path)
        if found is None:
            return None
        text = str(found.value)
        if (
            len(text) > MAX_SESSION_ID
            or not text.isascii()
            or not text.isprintable()
            or " " in text
        ):
            message = f"a session's id is at most {MAX_SESSION_ID} visible ASCII characters"
            self._reader.fault(codes.INVALID_VALUE, message, node, path)
        return text

    def _after(self, node: Node, path: str) -> Duration | None:
        return self._reader.value(node, path, _passed)

    def _answer(self, node: Node, path: str) -> Answer | None:
        found = self._reader.word(node, path, ANSWERS)
        return cast("Answer | None", found)

    def _times(self, node: Node, path: str) -> int | None:
        found = self._reader.count(node, path)
        if found is not None and found > MOST_TIMES:
            message = f"a call is made at most {MOST_TIMES:,} times"
            self._reader.fault(codes.INVALID_VALUE, message, node, path)
        return found

    def _expected(self, node: Node, path: str) -> tuple[Expectation, ...]:
        if isinstance(node, Scalar):
            message = "expected a mapping, such as `{ decision: deny, reason: evidence_missing }`"
            self._reader.fault(codes.WRONG_TYPE, message, node, path)
            return ()
        entries = self._reader.fields(node, path, EXPECT)
        if isinstance(node, Mapping) and not node.entries:
            self._reader.fault(codes.MISSING_KEY, "nothing is expected here", node, path)
        found = []
        for key, entry in entries.items():
            at = child_path(path, key)
            words = _WORDS.get(key)
            if words is not None and not _is_null(entry.value):
                self._reader.word(entry.value, at, words)
            found.append(Expectation(key, entry.value, entry.key.span))
        return tuple(found)


_WORDS: Final = {"decision": DECISIONS, "reason": REASONS}


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _passed(value: object) -> Duration:
    """`+10s`, the time since the step before. Raises `UnfitValue`."""
    if isinstance(value, str) and value.startswith("+"):
        if value in ("+0s", "+0ms"):
            return Duration(0)
        return read_duration(value[1:])
    raise UnfitValue(
        "expected the time since the step before",
        "write `+10s`",
        wrong_type=not isinstance(value, str),
    )
