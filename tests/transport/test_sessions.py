"""How many sessions agents may hold, and whose they are."""

import resource
from contextlib import ExitStack

import pytest

from helio.transport.admission import Rejection
from helio.transport.sessions import RETRY_AFTER_SECONDS, SessionTable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def table(most: int = 3, per_agent: int = 2, idle: float = 60.0) -> tuple[SessionTable, Clock]:
    clock = Clock()
    found = SessionTable(most=most, most_per_agent=per_agent, idle_seconds=idle, clock=clock)
    return found, clock


def open_session(sessions: SessionTable, session: str, agent: str | None = None) -> None:
    with sessions.admit("default", agent) as admission:
        admission.opened(session)


def refused(sessions: SessionTable, agent: str | None) -> Rejection:
    with pytest.raises(Rejection) as rejected, sessions.admit("default", agent):
        pass
    return rejected.value


def test_the_one_that_comes_too_late_is_refused_and_no_live_one_is_ended() -> None:
    sessions, _ = table()
    for session in ("a", "b", "c"):
        open_session(sessions, session)
    late = refused(sessions, None)
    assert (late.status, late.reason) == (503, "too_many_sessions")
    assert (b"retry-after", b"%d" % RETRY_AFTER_SECONDS) in late.whole().headers
    assert len(sessions) == 3
    sessions.closed("default", "b")
    open_session(sessions, "d")
    assert len(sessions) == 3


def test_an_agent_has_a_cap_of_its_own() -> None:
    sessions, _ = table(most=5)
    open_session(sessions, "a1", "a")
    open_session(sessions, "a2", "a")
    assert refused(sessions, "a").reason == "too_many_sessions"
    open_session(sessions, "b1", "b")
    sessions.closed("default", "a1")
    open_session(sessions, "a3", "a")


def test_whom_nobody_asked_is_no_agent_with_a_cap() -> None:
    sessions, _ = table(most=5, per_agent=1)
    for session in ("a", "b", "c"):
        open_session(sessions, session)
    assert len(sessions) == 3


def test_sessions_that_are_being_opened_count() -> None:
    sessions, _ = table()
    with ExitStack() as opening:
        for _ in range(2):
            opening.enter_context(sessions.admit("default", "a"))
        assert refused(sessions, "a").status == 503
        opening.enter_context(sessions.admit("default", "b"))
        assert refused(sessions, None).status == 503
    # None of them was opened: all room is there again.
    for session in ("x", "y"):
        open_session(sessions, session, "a")
    assert len(sessions) == 2


def test_a_failed_opening_gives_its_room_back() -> None:
    sessions, _ = table(most=1)
    with pytest.raises(RuntimeError), sessions.admit("default", "a"):
        raise RuntimeError
    open_session(sessions, "s", "a")


def test_another_agents_session_is_as_if_there_were_none() -> None:
    sessions, _ = table()
    open_session(sessions, "s", "a")
    for stranger in ("b", None):
        with pytest.raises(Rejection) as rejected, sessions.use("default", "s", stranger):
            pass
        assert (rejected.value.status, rejected.value.reason) == (404, "unknown_session")
    with (
        sessions.use("default", "s", "a"),
        sessions.use("other", "s", "b"),
        sessions.use("default", "unknown", "b"),
        sessions.use("default", None, "b"),
    ):
        pass


def test_what_is_idle_for_too_long_does_not_count() -> None:
    sessions, clock = table()
    open_session(sessions, "a", "a")
    clock.now = 30
    open_session(sessions, "b", "a")
    clock.now = 60
    assert len(sessions) == 1
    open_session(sessions, "c", "a")
    clock.now = 90
    assert len(sessions) == 1


def test_using_a_session_keeps_it() -> None:
    sessions, clock = table()
    open_session(sessions, "a")
    clock.now = 50
    with sessions.use("default", "a", None):
        pass
    clock.now = 100
    assert len(sessions) == 1
    clock.now = 110
    assert len(sessions) == 0


def test_an_open_stream_keeps_its_session_however_long_it_stands() -> None:
    sessions, clock = table()
    open_session(sessions, "a")
    with sessions.use("default", "a", None):
        with sessions.use("default", "a", None):
            clock.now = 1000
        clock.now = 2000
        assert len(sessions) == 1
    assert len(sessions) == 1
    clock.now = 2060
    assert len(sessions) == 0


def test_a_session_that_ends_under_its_stream_stays_ended() -> None:
    sessions, _ = table(most=1)
    open_session(sessions, "a")
    with sessions.use("default", "a", None):
        sessions.closed("default", "a")
        open_session(sessions, "b")
    assert len(sessions) == 1
    sessions.closed("default", "never-there")
    assert len(sessions) == 1


def test_an_id_that_is_given_out_again_belongs_to_whom_it_was_given_last() -> None:
    sessions, _ = table(per_agent=1)
    open_session(sessions, "s", "a")
    open_session(sessions, "s", "b")
    with pytest.raises(Rejection), sessions.use("default", "s", "a"):
        pass
    with sessions.use("default", "s", "b"):
        pass
    open_session(sessions, "t", "a")
    assert len(sessions) == 2


def test_a_hundred_thousand_opens_take_next_to_no_memory() -> None:
    sessions, _ = table(most=10_000, per_agent=1000)
    opened = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(100_000):
        try:
            open_session(sessions, f"a-session-of-an-agent-that-mints-{number}", f"{number % 7}")
            opened += 1
        except Rejection:
            pass
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert opened == len(sessions) == 7000
    assert grown < 50, f"{grown} MiB"


def test_ten_thousand_sessions_expire_without_a_walk_over_all() -> None:
    sessions, clock = table(most=10_000, per_agent=10_000)
    for number in range(10_000):
        clock.now = number / 1000
        open_session(sessions, f"s{number}", "a")
    assert refused(sessions, "a").status == 503
    clock.now = 65.0
    assert len(sessions) == 10_000 - 5001
    clock.now = 100.0
    assert len(sessions) == 0
    open_session(sessions, "again", "a")
