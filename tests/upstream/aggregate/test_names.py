import pytest

from helio.upstream.aggregate.names import Names, marked, name_prefix, placed, uri_prefix

NAMES = Names(["shop", "a_b", "x.y-z"])


@pytest.mark.parametrize("upstream", ["shop", "a_b", "x.y-z"])
@pytest.mark.parametrize(
    "own", ["pay", "_pay", "__pay", "pay__twice", "shop__pay", "é", "a b", "_"]
)
def test_a_name_reads_back_as_it_was_joined(upstream: str, own: str) -> None:
    assert NAMES.split(name_prefix(upstream).decode() + own) == (upstream, own)


@pytest.mark.parametrize("name", ["", "pay", "shop", "shop_pay", "shop__", "other__pay", "__pay"])
def test_other_names_are_nobodys(name: str) -> None:
    assert NAMES.split(name) is None


@pytest.mark.parametrize(
    "own", ["text://x", "file:///../b?c#d", "/", "helio://shop/text://x", "{+p}"]
)
def test_a_uri_reads_back_as_it_was_joined(own: str) -> None:
    assert NAMES.split_uri(uri_prefix("shop").decode() + own) == ("shop", own)


@pytest.mark.parametrize(
    "uri", ["text://x", "helio://shop", "helio://shop/", "helio://other/text://x"]
)
def test_other_uris_have_no_prefix(uri: str) -> None:
    assert NAMES.split_uri(uri) is None


@pytest.mark.parametrize("value", [b"1", b'"1"', b'"a:b"', b'"\\u00e9\\n"', b"-5", '"é"'.encode()])
def test_an_id_reads_back_byte_for_byte(value: bytes) -> None:
    assert NAMES.split_mark(marked("shop", value)) == ("shop", value)


def test_equal_ids_of_two_upstreams_differ() -> None:
    assert marked("shop", b"1") != marked("a_b", b"1")
    assert marked("shop", b"1") != marked("shop", b'"1"')


@pytest.mark.parametrize("value", [b"1", b"null", b'"1"', b'"b:1"', b'"shop"', b'"shop:\\ud800"'])
def test_other_ids_are_nobodys(value: bytes) -> None:
    assert NAMES.split_mark(value) is None


def test_places_in_streams() -> None:
    assert NAMES.split_place(placed("shop", b"a:1")) == ("shop", b"a:1")
    assert placed("shop", b"") == b""
    assert NAMES.split_place(b"a:1") is None
    assert NAMES.split_place(b"\xff:1") is None


@pytest.mark.parametrize("names", [["a__b"], ["a_"], [""], ["a", "a"]])
def test_names_that_could_be_misread_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"name|stand before"):
        Names(names)
