"""What an upstream's tool list says, as facts."""

from helio.evaluator import pack_hints
from helio.governance.catalogue import Catalogue, is_destructive


def test_nothing_is_known_before_the_first_list() -> None:
    catalogue = Catalogue()
    assert not catalogue.primed
    assert catalogue.find("read_mail") is None


def test_a_list_replaces_all_that_was_known() -> None:
    catalogue = Catalogue()
    catalogue.replace([{"name": "a"}, {"name": "b"}])
    catalogue.replace([{"name": "b", "outputSchema": {"type": "object"}}])
    assert catalogue.primed
    assert catalogue.find("a") is None
    tool = catalogue.find("b")
    assert tool is not None
    assert tool.declares_output


def test_names_match_exactly() -> None:
    catalogue = Catalogue()
    catalogue.replace([{"name": "read_mail"}])
    assert catalogue.find("Read_mail") is None
    assert catalogue.find("read_mail ") is None


def test_annotations_become_hints() -> None:
    catalogue = Catalogue()
    annotations = {"readOnlyHint": True}
    catalogue.replace([{"name": "a", "annotations": annotations}])
    tool = catalogue.find("a")
    assert tool is not None
    assert tool.hints == pack_hints(annotations)
    assert not tool.destructive


def test_duplicates_that_differ_make_nothing_known() -> None:
    catalogue = Catalogue()
    catalogue.replace(
        [{"name": "a", "annotations": {"readOnlyHint": True}}, {"name": "a", "annotations": {}}]
    )
    tool = catalogue.find("a")
    assert tool is not None
    assert (tool.hints, tool.destructive) == (0, True)


def test_what_cannot_be_named_is_left_out() -> None:
    catalogue = Catalogue()
    catalogue.replace([{"name": 7}, {}, {"name": "a", "annotations": "none"}])
    assert len(catalogue) == 1


def test_mcps_defaults_decide_what_is_destructive() -> None:
    assert is_destructive({})
    assert is_destructive({"readOnlyHint": False})
    assert not is_destructive({"readOnlyHint": True})
    assert not is_destructive({"destructiveHint": False})
    assert not is_destructive({"readOnlyHint": True, "destructiveHint": True})
    assert is_destructive({"destructiveHint": "no"})
