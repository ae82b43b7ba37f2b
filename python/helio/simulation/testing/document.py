"""Policy tests as they are written: cases of steps, each with its place. Pure.

Above: `running`, `told`. Below: `helio.diagnostics`. Fixtures are put in already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from helio.diagnostics import Node, Span

Answer = Literal["approve", "deny", "timeout"]
"""What becomes of a ticket."""


@dataclass(frozen=True, slots=True)
class Call:
    """A `tools/call`. `arguments` is JSON text; `upstream` None is the configured one.
    `annotations` are those of the tool's definition, None where the case does not say; `listed`:
    its upstream lists it. `is_scan`: an agent asks whether it may install what the arguments say;
    `tool` is then `install:<kind>`."""

    tool: str
    arguments: str
    upstream: str | None = None
    annotations: Mapping[str, bool] | None = None
    listed: bool = True
    is_scan: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A mark under `key` for `ttl_ms`; `data`, JSON text, is what was looked at."""

    session: str
    agent: str | None
    key: str
    data: str
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Expectation:
    """One field that what comes of a call must have. `value` is what the file says."""

    field: str
    value: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens `after_ms` after the step before: a call, a mark, or what a person
    says of the ticket that waits (`answer` alone). With a call `answer` is what people say when
    they are asked about it; `fails`: its tool reports an error; `times`: so often in a row, and all
    are held against `expected`."""

    span: Span
    after_ms: int
    call: Call | None = None
    evidence: Evidence | None = None
    answer: Answer | None = None
    session: str | None = None
    agent: str | None = None
    fails: bool = False
    times: int = 1
    expected: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """Steps that share one clock and one state. `environment` None is the configured one."""

    file: str
    name: str
    span: Span
    environment: str | None
    steps: tuple[Step, ...]
