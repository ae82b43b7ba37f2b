"""An agent that takes a new session for each call does not get around its own limits."""

from helio.governance.store import LocalStore, Refusal
from helio.pipeline.commands import Reserve
from pipeline.playbook import Play, at, call, govern

MAXIMUM = 25
ROTATED = 10_000


def test_ten_thousand_rotated_sessions_do_not_exceed_an_agents_cap() -> None:
    limits = f"{{ max_calls: {MAXIMUM}, window: 1h, key: agent }}"
    governance = govern(f"{{ rules: [{{ action: rate_limit, limits: {limits} }}] }}")
    store = LocalStore()
    passed = 0
    for number in range(ROTATED):
        now = at(number / 10)
        play = Play(governance, store=store)
        (reserve,) = play.send(call(session=f"s{number}", agent="a"), now)
        assert isinstance(reserve, Reserve)
        found = store.reserve(reserve.decision, now.monotonic, enforce=reserve.enforce)
        if not isinstance(found, Refusal):
            store.commit(found.id, now.monotonic)
            passed += 1
    assert passed == MAXIMUM
    assert len(store) == 1
