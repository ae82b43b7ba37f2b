import pytest

from helio.protocol.media import EVENT_STREAM, JSON, accepts, essence, is_json


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
    "header",
    [
        "application/json",
        "Application/JSON ; Charset=UTF-8",
        'application/json;charset="utf-8";',
        "application/json; version=1",
    ],
)
def test_json_is_utf_8(header: str) -> None:
    assert is_json(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "text/plain",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "application/json; CHARSET=UTF-7",
        'application/json; charset="utf-7"',
        "application/json; charset=utf-8; charset=utf-7",
        "application/json; charset=utf-7; charset=utf-8",
        "application/json; charset=utf-8, utf-7",
        "application/json; a=b;charset=utf-7",
        "application/json; charset*=utf-7",
        "application/json; charset =utf-7",
    ],
)
def test_json_in_anything_else_is_none(header: str | None) -> None:
    assert not is_json(header)


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
