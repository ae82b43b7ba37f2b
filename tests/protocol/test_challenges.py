import pytest

from helio.protocol.challenges import parameter, quoted, replace_parameter, unquoted

NAME = b"resource_metadata"
NEW = b"http://helio/x"


@pytest.mark.parametrize(
    ("challenge", "value"),
    [
        (b'Bearer resource_metadata="https://a/b"', b"https://a/b"),
        (b'Bearer realm="x", resource_metadata="https://a/b"', b"https://a/b"),
        (b'bearer Resource_Metadata = "a\\"b"', b'a"b'),
        (b"Bearer resource_metadata=token", b"token"),
        (b'Basic realm="a", Bearer error="e",resource_metadata="u"', b"u"),
        (b"Bearer", None),
        (b"", None),
        (b'Bearer x_resource_metadata="a"', None),
        (b'Bearer resource_metadata_x="a"', None),
        (b'Bearer error_description="see resource_metadata=\\"evil\\", ok"', None),
        (b'Bearer error_description=", resource_metadata=evil"', None),
    ],
)
def test_a_parameter_is_found_where_it_is_one(challenge: bytes, value: bytes | None) -> None:
    assert parameter(challenge, NAME) == value


@pytest.mark.parametrize(
    ("challenge", "replaced"),
    [
        (b'Bearer resource_metadata="https://a/b"', b'Bearer resource_metadata="http://helio/x"'),
        (
            b'Bearer error="e" , resource_metadata=u, scope="a b"',
            b'Bearer error="e" , resource_metadata="http://helio/x", scope="a b"',
        ),
        (
            b'Bearer error_description="resource_metadata=\\"u\\"", resource_metadata="u"',
            b'Bearer error_description="resource_metadata=\\"u\\"", '
            b'resource_metadata="http://helio/x"',
        ),
        (
            b'DPoP resource_metadata="u", Bearer resource_metadata="u"',
            b'DPoP resource_metadata="http://helio/x", Bearer resource_metadata="http://helio/x"',
        ),
        (b'Basic realm="x"', b'Basic realm="x"'),
        (b"Negotiate YWJj==", b"Negotiate YWJj=="),
    ],
)
def test_only_its_value_changes(challenge: bytes, replaced: bytes) -> None:
    assert replace_parameter(challenge, NAME, NEW) == replaced


def test_a_value_is_quoted_whatever_it_holds() -> None:
    value = b'a"b\\c'
    assert unquoted(quoted(value)) == value
    assert parameter(replace_parameter(b"Bearer resource_metadata=x", NAME, value), NAME) == value


def test_long_garbage_takes_no_time() -> None:
    for garbage in (b'"' * 20_000, b"a=" * 20_000, b'a="' + b"\\" * 20_001, b" ," * 20_000):
        assert replace_parameter(garbage, b"nothing", b"x") == garbage
