"""What an upstream says of its tools, as facts, and what of it was accepted."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from helio.evaluator import pack_hints
from helio.governance import catalogue as rooms
from helio.governance.catalogue import Catalogue, Change
from helio.governance.definitions import Identity, Tool, read_definition
from helio.governance.lock import ToolLock, accepted

READ_ONLY = {"readOnlyHint": True}


def tools(*definitions: Mapping[str, object] | bytes) -> list[Tool]:
    return [
        tool
        for each in definitions
        for tool in read_definition(each if isinstance(each, bytes) else json.dumps(each).encode())
    ]


def known(*definitions: Mapping[str, object] | bytes) -> Catalogue:
    catalogue = Catalogue()
    catalogue.replace(tools(*definitions))
    return catalogue


def pins(*definitions: Mapping[str, object]) -> dict[str, Identity]:
    return {tool.name: tool.identity for tool in tools(*definitions)}


def told(changes: list[Change]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(change.event, change.tool, change.aspects) for change in changes]


def drifted(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    return {name: drift.aspects for name, drift in catalogue.drifts.items()}


# facts


def test_nothing_is_known_before_the_first_list() -> None:
    catalogue = Catalogue()
    assert not catalogue.primed
    assert catalogue.find("read_mail") is None
    assert catalogue.standing("read_mail").views == (0,)
    assert catalogue.standing("read_mail").drift is None


def test_a_list_replaces_all_that_was_known() -> None:
    catalogue = known({"name": "a"}, {"name": "b"})
    catalogue.replace(tools({"name": "b", "outputSchema": {"type": "object"}}))
    assert catalogue.primed
    assert catalogue.find("a") is None
    tool = catalogue.find("b")
    assert tool is not None
    assert tool.declares_output


def test_names_match_exactly() -> None:
    catalogue = known({"name": "read_mail"})
    assert catalogue.find("Read_mail") is None
    assert catalogue.find("read_mail ") is None


def test_annotations_become_hints() -> None:
    tool = known({"name": "a", "annotations": READ_ONLY}).find("a")
    assert tool is not None
    assert tool.hints == pack_hints(READ_ONLY)
    assert not tool.destructive


def test_what_cannot_be_named_is_left_out() -> None:
    unnamed = ({"name": 7}, {}, {"name": ""}, {"name": "x" * 257}, b'{"name":"\\ud800"}')
    assert len(known(*unnamed, {"name": "a", "annotations": "none"})) == 1


# pins by first use


def test_the_first_definition_seen_is_accepted() -> None:
    catalogue = Catalogue()
    changes = catalogue.replace(tools({"name": "a", "description": "x"}))
    assert told(changes) == [("pinned", "a", ("added",))]
    assert changes[0].current == catalogue.pins["a"].fingerprint
    assert catalogue.replace(tools({"description": "x", "name": "a"})) == []
    assert told(catalogue.replace(tools({"name": "a", "description": "x"}, {"name": "b"}))) == [
        ("pinned", "b", ("added",))
    ]
    assert not catalogue.drifts


def test_another_definition_is_drift_until_it_is_the_pinned_one_again() -> None:
    first = {"name": "a", "description": "x", "inputSchema": {"type": "object"}}
    catalogue = known(first)
    pin = catalogue.pins["a"]
    changes = catalogue.replace(tools({"name": "a", "description": "y", "title": "A"}))
    assert told(changes) == [("drifted", "a", ("description", "inputSchema", "title"))]
    assert changes[0].pinned == pin.fingerprint
    tool = catalogue.find("a")
    assert tool is not None
    assert changes[0].current == tool.fingerprint
    assert catalogue.pins["a"] == pin
    # The same drift is told once, another one anew.
    assert catalogue.replace(tools({"name": "a", "description": "y", "title": "A"})) == []
    again = catalogue.replace(tools({"name": "a", "description": "z", "title": "A"}))
    assert told(again) == [("drifted", "a", ("description", "inputSchema", "title"))]
    cleared = catalogue.replace(tools(first))
    assert [change.event for change in cleared] == ["cleared"]
    assert catalogue.standing("a").drift is None


def test_a_tool_that_is_listed_no_longer_drifts() -> None:
    catalogue = known({"name": "a", "annotations": READ_ONLY})
    assert told(catalogue.replace([])) == [("drifted", "a", ("removed",))]
    standing = catalogue.standing("a")
    assert standing.tool is None
    assert standing.views == (pack_hints(READ_ONLY), 0)
    assert [each.event for each in catalogue.replace(tools({"name": "a"}))] == ["drifted"]
    back = catalogue.replace(tools({"name": "a", "annotations": READ_ONLY}))
    assert [change.event for change in back] == ["cleared"]


def test_duplicates_drift_whether_they_agree_or_not() -> None:
    for second in ({"name": "a"}, {"name": "a", "annotations": READ_ONLY}):
        catalogue = known({"name": "a", "annotations": READ_ONLY}, second)
        assert drifted(catalogue) == {"a": ("duplicate",)}
        assert not catalogue.pins
        tool = catalogue.find("a")
        assert tool is not None
        assert (tool.hints, tool.destructive, tool.declares_output) == (0, True, True)


def test_a_duplicate_of_a_pinned_tool_drifts_and_clears() -> None:
    catalogue = known({"name": "a"})
    assert told(catalogue.replace(tools({"name": "a"}, {"name": "a"}))) == [
        ("drifted", "a", ("duplicate",))
    ]
    assert [each.event for each in catalogue.replace(tools({"name": "a"}))] == ["cleared"]


def test_what_is_not_strict_json_drifts_under_every_name_it_could_have() -> None:
    catalogue = known(b'{"name":"a","description":"x","name":"b"}', b'{"name":"c","x":1,"x":2}')
    assert drifted(catalogue) == dict.fromkeys("abc", ("unreadable",))
    assert not catalogue.pins


def test_too_many_tools_are_not_pinned_by_being_seen(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(rooms, "PIN_LIMIT", 2)
    catalogue = known({"name": "a"}, {"name": "b"}, {"name": "c"})
    assert list(catalogue.pins) == ["a", "b"]
    assert drifted(catalogue) == {"c": ("added",)}


def test_a_restart_compares_with_what_was_accepted_before() -> None:
    before = known({"name": "a"}, {"name": "b"})
    stored = {name: pin.stored() for name, pin in before.pins.items()}
    catalogue = Catalogue()
    catalogue.restore(
        {name: Identity.restored(values) for name, values in json.loads(json.dumps(stored)).items()}
    )
    drift = catalogue.standing("a").drift
    assert drift is not None
    assert drift.aspects == ("unverified",)
    assert catalogue.standing("new").drift is None
    assert told(catalogue.replace(tools({"name": "a"}, {"name": "b", "title": "B"}))) == [
        ("drifted", "b", ("title",))
    ]
    assert catalogue.standing("a").drift is None


# pins by a lock


def test_with_a_lock_only_what_it_holds_is_accepted() -> None:
    catalogue = Catalogue()
    assert told(catalogue.lock(pins({"name": "a"}))) == [("pinned", "a", ("added",))]
    for name in ("a", "b"):
        drift = catalogue.standing(name).drift
        assert drift is not None
        assert drift.aspects == ("unverified",)
    assert told(catalogue.replace(tools({"name": "a"}, {"name": "b"}))) == [
        ("drifted", "b", ("added",))
    ]
    assert catalogue.standing("a").drift is None
    assert list(catalogue.pins) == ["a"]
    # What is neither listed nor in the lock is no drift: `unknown_tools` decides.
    assert catalogue.standing("c").drift is None


def test_a_new_lock_accepts_and_releases() -> None:
    catalogue = known({"name": "a"}, {"name": "gone"})
    changed = {"name": "a", "description": "x"}
    catalogue.replace(tools(changed, {"name": "gone"}))
    changes = catalogue.lock(pins(changed, {"name": "new"}))
    assert told(changes) == [
        ("accepted", "a", ("description",)),
        ("pinned", "new", ("added",)),
        ("released", "gone", ("removed",)),
        ("drifted", "gone", ("added",)),
        ("drifted", "new", ("removed",)),
    ]
    assert catalogue.standing("a").drift is None


def test_an_added_tool_is_accepted_by_the_lock_that_holds_it() -> None:
    catalogue = Catalogue()
    catalogue.lock({})
    catalogue.replace(tools({"name": "a"}))
    assert told(catalogue.lock(pins({"name": "a"}))) == [("accepted", "a", ("added",))]
    assert not catalogue.drifts


def test_without_its_lock_an_upstream_keeps_its_pins() -> None:
    catalogue = Catalogue()
    catalogue.lock(pins({"name": "a"}))
    catalogue.unlock()
    assert told(catalogue.replace(tools({"name": "a", "title": "A"}, {"name": "b"}))) == [
        ("pinned", "b", ("added",)),
        ("drifted", "a", ("title",)),
    ]


# between the decision and forwarding


def test_a_call_is_overtaken_by_another_definition() -> None:
    catalogue = known({"name": "a"})
    before = catalogue.standing("a")
    assert not before.overtaken(catalogue.standing("a"))
    catalogue.replace(tools({"name": "a", "description": "x"}))
    assert before.overtaken(catalogue.standing("a"))
    drifting = catalogue.standing("a")
    catalogue.replace(tools({"name": "a"}))
    assert drifting.overtaken(catalogue.standing("a"))
    assert not before.overtaken(catalogue.standing("a"))
    catalogue.replace([])
    assert before.overtaken(catalogue.standing("a"))


def test_a_call_from_before_the_first_list_is_not_overtaken_by_it() -> None:
    catalogue = Catalogue()
    before = catalogue.standing("a")
    catalogue.replace(tools({"name": "a"}))
    assert not before.overtaken(catalogue.standing("a"))


# whatever happens

NAMES = st.sampled_from("abc")
LISTS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "description": st.sampled_from(("x", "y"))}), max_size=4
)
STEPS = st.lists(st.tuples(st.booleans(), LISTS), max_size=6)


@given(STEPS)
def test_a_tool_drifts_exactly_when_it_is_not_the_accepted_one(
    steps: list[tuple[bool, list[dict[str, str]]]],
) -> None:
    """Against the plain meaning: one definition, listed once, and the same as its pin."""
    catalogue = Catalogue()
    recorded: dict[str, str] = {}
    for takes_lock, definitions in steps:
        if takes_lock:
            held = {each["name"]: accepted(json.dumps(each).encode()) for each in definitions}
            lock = ToolLock({"u": {name: each for name, each in held.items() if each is not None}})
            changes = catalogue.lock(lock.pins("u"))
        else:
            changes = catalogue.replace(tools(*definitions))
            listed = definitions
        for change in changes:
            if change.event in ("pinned", "accepted"):
                assert change.current is not None
                recorded[change.tool] = change.current
            elif change.event == "released":
                del recorded[change.tool]
        assert recorded == {name: pin.fingerprint for name, pin in catalogue.pins.items()}
        if not catalogue.primed:
            continue
        for name in "abc":
            mine = [each for each in listed if each["name"] == name]
            pin = catalogue.pins.get(name)
            same = (
                len(mine) == 1
                and pin is not None
                and pin.fingerprint == tools(mine[0])[0].fingerprint
            )
            unknown = not mine and pin is None
            assert (catalogue.standing(name).drift is None) == (same or unknown)


# accepted definitions, to be shown


def test_what_was_accepted_is_kept_over_a_restart() -> None:
    catalogue = known({"name": "a", "description": "first"})
    catalogue.replace(tools({"name": "a", "description": "second"}))
    stored = json.loads(json.dumps({"a": catalogue.pins["a"].stored()}))
    again = Catalogue()
    again.restore({name: Identity.restored(values) for name, values in stored.items()})
    assert again.pins["a"].definition == b'{"description":"first","name":"a"}'
    stored["a"][3] = '{"description":"forged","name":"a"}'
    assert Identity.restored(stored["a"]).definition is None
    assert Identity.restored(stored["a"][:3]) == again.pins["a"], "as earlier versions wrote it"


def test_what_an_earlier_version_accepted_is_learnt_where_it_is_listed() -> None:
    catalogue = Catalogue()
    catalogue.restore({name: pin.without_definition() for name, pin in pins({"name": "a"}).items()})
    catalogue.replace(tools({"name": "a", "description": "other"}))
    assert catalogue.pins["a"].definition is None
    catalogue.replace(tools({"name": "a"}))
    assert catalogue.pins["a"].definition == b'{"name":"a"}'


def test_only_so_much_is_kept_and_nothing_that_may_not_be() -> None:
    long = {"description": "x" * 15_000}
    many = [{"name": f"t{number}"} | long for number in range(100)]
    catalogue = known(*many, {"name": "longer", "description": "x" * 20_000})
    kept = [pin.definition for pin in catalogue.pins.values() if pin.definition is not None]
    assert sum(map(len, kept)) <= rooms.KEPT_BYTES < sum(map(len, kept)) + 16_000
    assert catalogue.pins["longer"].definition is None
    catalogue.replace(tools(*many[:1]))
    for number in range(1, 100):
        catalogue.accept(f"t{number}")
    catalogue.replace(tools(many[0], {"name": "new"} | long))
    assert catalogue.pins["new"].definition is not None, "what was let go makes room"
    discreet = Catalogue(lambda text: "secret" not in text)
    discreet.replace(tools({"name": "a", "description": "a secret"}, {"name": "b"}))
    assert discreet.pins["a"].definition is None
    assert discreet.pins["b"].definition == b'{"name":"b"}'
