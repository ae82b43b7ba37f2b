"""W3C Trace Context, as a proxy has to treat it."""

import pytest

from helio.protocol.headers import Header
from helio.protocol.trace_context import first_span, read_trace_context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()


def read(*values: bytes, states: tuple[bytes, ...] = ()) -> list[Header] | None:
    headers = [(b"Traceparent", value) for value in values]
    found = read_trace_context([*headers, *((b"tracestate", state) for state in states)])
    return None if found is None else found.headers()


def test_a_span_is_read_and_written_as_it_came() -> None:
    assert read(PARENT) == [(b"traceparent", PARENT)]
    assert read(b" " + PARENT + b"\t", states=(b"a=1",)) == [
        (b"traceparent", PARENT),
        (b"tracestate", b"a=1"),
    ]


def test_a_child_hangs_on_its_parent() -> None:
    parent = read_trace_context([(b"traceparent", PARENT), (b"tracestate", b"a=1")])
    assert parent is not None
    child = parent.child("1" * 16)
    assert (child.trace, child.span, child.parent, child.sampled) == (TRACE, "1" * 16, SPAN, True)
    assert child.headers() == [
        (b"traceparent", f"00-{TRACE}-{'1' * 16}-01".encode()),
        (b"tracestate", b"a=1"),
    ]


def test_a_first_span_is_sampled_and_has_no_parent() -> None:
    first = first_span(TRACE, SPAN)
    assert (first.sampled, first.parent) == (True, None)
    assert first.headers() == [(b"traceparent", f"00-{TRACE}-{SPAN}-03".encode())]


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"00",
        PARENT.upper(),
        PARENT + b"-more",
        PARENT.replace(b"00-", b"ff-", 1),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE}-{SPAN}-0".encode(),
        f"00-{TRACE[:-1]}g-{SPAN}-01".encode(),
        f"01-{TRACE}-{SPAN}-01more".encode(),
    ],
)
def test_what_breaks_the_rules_is_not_passed_on(wrong: bytes) -> None:
    assert read(wrong) is None


def test_two_parents_are_none() -> None:
    assert read(PARENT, PARENT) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert read(f"cc-{TRACE}-{SPAN}-01-what-the-future-brings".encode()) == [
        (b"traceparent", PARENT)
    ]


def test_unknown_flags_are_not_passed_on() -> None:
    assert read(f"00-{TRACE}-{SPAN}-ff".encode()) == [
        (b"traceparent", f"00-{TRACE}-{SPAN}-03".encode())
    ]


def test_several_states_are_one_list() -> None:
    assert read(PARENT, states=(b"a=1", b"", b" b=2"))[1:] == [(b"tracestate", b"a=1,b=2")]  # type: ignore[index]


@pytest.mark.parametrize("state", [b"a=\xff", b"a=\x01", b"a=" + b"x" * 2048])
def test_a_state_that_breaks_the_rules_is_left_out(state: bytes) -> None:
    assert read(PARENT, states=(state,)) == [(b"traceparent", PARENT)]
