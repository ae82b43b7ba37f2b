import pytest

from helio.protocol.media import EVENT_STREAM, JSON, accepts, essence


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", JSON),
        ("Application/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("  application/json ;charset=utf-8", JSON),
        ("text/event-stream;", EVENT_STREAM),
        ("text/plain; a=application/json", "text/plain"),
        ("application/jsonp", "application/jsonp"),
        ("application/json+xml", "application/json+xml"),
        ("x-application/json", "x-application/json"),
        ("application/json, text/plain", None),
        ("application/json text/plain", None),
        ("application /json", None),
        ("application/", None),
        ("json", None),
        ("", None),
        (None, None),
        ("application/json\n", None),
    ],
)
def test_the_essence_is_type_and_subtype_and_nothing_near_it(
    header: str | None, expected: str | None
) -> None:
    assert essence(header) == expected


@pytest.mark.parametrize(
    ("header", "media_type", "expected"),
    [
        (None, JSON, True),
        ("", JSON, True),
        ("*/*", JSON, True),
        ("application/*", JSON, True),
        ("text/*", JSON, False),
        ("application/json, text/event-stream", EVENT_STREAM, True),
        ("application/json,text/event-stream", JSON, True),
        ("APPLICATION/JSON", JSON, True),
        ("application/json;q=0", JSON, False),
        ("application/json; q=0.000", JSON, False),
        ("application/json;q=0.1", JSON, True),
        ("*/*;q=0, application/json", JSON, True),
        ("*/*, application/json;q=0", JSON, False),
        ("application/json;q=0, application/json", JSON, True),
        ("text/html", JSON, False),
        ("application/jsonp", JSON, False),
        ("nonsense", JSON, False),
    ],
)
def test_accept_by_the_most_specific_range(
    header: str | None, media_type: str, expected: bool
) -> None:
    assert accepts(header, media_type) is expected
