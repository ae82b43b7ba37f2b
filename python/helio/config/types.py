"""The types of the models' fields: each reads its value by one reader of `scalars`.

Above: `sections`. Below: `scalars`, `addresses`, pydantic. Pure. Every refusal is a `wrong_type` or
`wrong_value` error whose context holds the hint; no message repeats a value.
"""

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import PlainValidator, SecretStr, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from helio.config import scalars
from helio.config.addresses import Network, is_loopback_host, literal
from helio.diagnostics import Interpolated

T = TypeVar("T")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
"""What some readers of addresses take for one: octal, hexadecimal, whole and short numbers."""
_SLACK_MEMBER = re.compile(r"[UW][A-Z0-9]{2,20}\Z")
_MAX_LEEWAY = 600_000
_SHORTEST_KEY = 32
DETECTORS = ("cards", "secrets")
"""What `audit.redact` can find by itself."""
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}\Z|\[?[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\]?\Z")


def unfit(
    message: str, hint: str | None = None, *, wrong_type: bool = False, fix: str | None = None
) -> PydanticCustomError:
    """The error that a validator raises. The texts stand for themselves: nothing in them is filled
    in.
    """
    kind = "wrong_type" if wrong_type else "wrong_value"
    # Braces would be read as places to fill in.
    return PydanticCustomError(kind, "{message}", {"message": message, "hint": hint, "fix": fix})


def reading(reader: Callable[[object], T]) -> Callable[[object], T]:
    """A validator from a reader of `scalars`."""

    def read(value: object) -> T:
        try:
            return reader(value)
        except scalars.UnfitValue as error:
            raise unfit(
                error.message, error.hint, wrong_type=error.wrong_type, fix=error.fix
            ) from None

    return read


def _is_placeholder(text: str) -> bool:
    """Whether the text stands for a variable that is not set, so that it cannot be judged."""
    return isinstance(text, Interpolated) and bool(text.unset)


def _no_control(text: str) -> str:
    if not text:
        raise unfit("expected a text that is not empty")
    if any(character < " " or character == "\x7f" for character in text):
        raise unfit("expected a text without control characters")
    return text


def _url(text: str) -> str:
    """An absolute http(s) URL with a host, without credentials or fragment. Whether it can be
    dialled is for the upstream to find out.
    """
    if _is_placeholder(text):
        return text
    try:
        parts = urlsplit(text)
        port_is_fit = parts.port is None or parts.port > 0
    except ValueError:
        raise unfit("this is not a URL") from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not port_is_fit
        or " " in text
    ):
        raise unfit("expected a URL such as `http://localhost:8080/mcp`")
    if "@" in parts.netloc:
        raise unfit(
            "a URL may not hold a user or a password",
            "use `headers`, with the value from `${NAME}`",
        )
    if parts.fragment:
        raise unfit("a URL may not have a fragment (`#…`) here")
    return text


def _public_url(text: str) -> str:
    """A URL that paths are put behind: without a query, and without `/` at its end."""
    _url(text)
    if not _is_placeholder(text) and "?" in text:
        raise unfit("a URL may not have a query (`?…`) here")
    return text.rstrip("/")


def _encrypted_url(message: str) -> Callable[[str], str]:
    """A check for what nobody may read or change on its way; `message` says so."""

    def check(text: str) -> str:
        _url(text)
        if _is_placeholder(text):
            return text
        parts = urlsplit(text)
        host = parts.hostname or ""
        if literal(host) is None and _NUMBERS.fullmatch(host):
            raise unfit("an address is written in its usual form: `192.0.2.1`")
        if parts.scheme != "https" and not is_loopback_host(host):
            raise unfit(message, "write `https://…`")
        return text

    return check


def _origin(text: str) -> str:
    """`scheme://host[:port]`, as browsers send it, or `null`."""
    if text == "null" or _is_placeholder(text):
        return text
    parts = urlsplit(_url(text))
    if parts.path or parts.query:
        raise unfit("an origin is `scheme://host[:port]`, without a path", "remove the path")
    return text.lower()


def _host(text: str) -> str:
    if _is_placeholder(text):
        return text
    if not _HOST.match(text):
        raise unfit("expected a host name or an IP address, without scheme, port and path")
    return text


def _header_name(text: str) -> str:
    if not _is_placeholder(text) and not _HEADER_NAME.match(text):
        raise unfit("this is not the name of an HTTP header")
    return text.lower()


def _name(text: str) -> str:
    if not _is_placeholder(text) and not _NAME.match(text):
        raise unfit(
            "a name has at most 64 letters, digits, `.`, `_` and `-`, and begins with no sign"
        )
    return text


def _secret(value: object) -> SecretStr:
    if isinstance(value, SecretStr):
        return value
    try:
        text = scalars.read_text(value)
    except scalars.UnfitValue as error:
        # What it says to write would repeat the secret.
        raise unfit(error.message, "quote it", wrong_type=True) from None
    if not text:
        raise unfit("a secret may not be empty")
    return SecretStr(text)


def _header_value(value: object) -> SecretStr:
    secret = _secret(value)
    if any(character in "\r\n\0" for character in secret.get_secret_value()):
        raise unfit("a header's value may not hold a line break or NUL")
    return secret


def _path(value: object, info: ValidationInfo) -> Path:
    text = str(value) if isinstance(value, Path) else reading(scalars.read_text)(value)
    _no_control(text)
    directory: Any = (info.context or {}).get("directory", Path())
    return Path(directory) / Path(text).expanduser()


def _place(value: object, info: ValidationInfo) -> str:
    """A directory, or a URL, which says by itself where it is."""
    text = reading(scalars.read_text)(value)
    if "://" not in text:
        return str(_path(value, info))
    if urlsplit(_no_control(text)).password is not None:
        raise unfit(
            "a secret stands in this URL",
            "give credentials by the environment or the files that the store's library reads",
        )
    return text


def _leeway(value: object) -> scalars.Duration:
    duration = scalars.read_duration(value, positive=False)
    if duration > _MAX_LEEWAY:
        raise scalars.UnfitValue("a leeway is at most `10m`", wrong_type=False)
    return duration


def _network(value: object) -> Network:
    text = scalars.read_text(value)
    if _is_placeholder(text):
        return ip_network("::/128")
    try:
        return ip_network(text)
    except ValueError:
        hint = "write `10.1.2.0/24`, with zeros behind the prefix, or one address"
        raise scalars.UnfitValue("this is not a network", hint, wrong_type=False) from None


def _slack_member(text: str) -> str:
    if not _is_placeholder(text) and not _SLACK_MEMBER.match(text):
        raise unfit(
            "expected a member ID such as `U012AB3CD`",
            "in Slack, a person's profile has `Copy member ID` behind its three dots",
        )
    return text


def _window(value: object) -> scalars.Duration | Literal["session"]:
    return "session" if value == "session" else scalars.read_duration(value)


def _text(*checks: Callable[[str], str]) -> PlainValidator:
    """A text that passes all checks. One validator, so that they see the text as it was
    interpolated.
    """

    def read(value: object) -> str:
        text = reading(scalars.read_text)(value)
        for check in (_no_control, *checks):
            text = check(text)
        return text

    return PlainValidator(read)


def _texts(*checks: Callable[[str], str]) -> PlainValidator:
    """A text, or a list of at least one, each of which passes all checks."""

    def read(value: object) -> tuple[str, ...]:
        items = value if isinstance(value, tuple) else (value,)
        if not items:
            raise unfit("an empty list names nothing: expected at least one")
        texts = tuple(reading(scalars.read_text)(item) for item in items)
        if not all(texts):
            raise unfit("expected a text that is not empty")
        for check in checks:
            texts = tuple(map(check, texts))
        return texts

    return PlainValidator(read)


def _detector(text: str) -> str:
    return reading(lambda value: scalars.read_word(value, DETECTORS))(text)


def _redaction_key(value: object) -> SecretStr:
    secret = _secret(value)
    if len(secret.get_secret_value()) < _SHORTEST_KEY:
        raise unfit(
            f"a key has at least {_SHORTEST_KEY} characters", "make one: `openssl rand -hex 32`"
        )
    return secret


DURATION_FORM: Final = {"type": "string", "pattern": r"^[0-9]{1,15}(ms|s|m|h|d)$"}
SIZE_FORM: Final = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "pattern": r"^[0-9]{1,15} ?(B|KiB|MiB|GiB|kB|KB|MB|GB)?$"},
    ]
}
AMOUNT_FORM: Final = {"type": "number", "exclusiveMinimum": 0}
"""What the file holds where the models hold what was read: for the JSON Schema."""
_WRITTEN_TEXT: Final = WithJsonSchema({"type": "string", "minLength": 1})


def one_or_several(form: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a value, or of a list of at least one."""
    return {"anyOf": [form, {"type": "array", "items": form, "minItems": 1}]}


Text = Annotated[str, _text(), _WRITTEN_TEXT]
Texts = Annotated[
    tuple[str, ...], _texts(), WithJsonSchema(one_or_several({"type": "string", "minLength": 1}))
]
Detectors = Annotated[
    tuple[str, ...], _texts(_detector), WithJsonSchema(one_or_several({"enum": list(DETECTORS)}))
]
Name = Annotated[str, _text(_name), _WRITTEN_TEXT]
Url = Annotated[str, _text(_url), _WRITTEN_TEXT]
PublicUrl = Annotated[str, _text(_public_url), _WRITTEN_TEXT]
KeysUrl = Annotated[
    str,
    _text(_encrypted_url("keys are fetched over `https`, or from this machine")),
    _WRITTEN_TEXT,
]
ChannelUrl = Annotated[
    str,
    _text(_encrypted_url("what is asked goes over `https`, or to this machine")),
    _WRITTEN_TEXT,
]
SlackMember = Annotated[str, _text(_slack_member), _WRITTEN_TEXT]
NetworkField = Annotated[Network, PlainValidator(reading(_network)), _WRITTEN_TEXT]
Origin = Annotated[str, _text(_origin), _WRITTEN_TEXT]
Host = Annotated[str, _text(_host), _WRITTEN_TEXT]
HeaderName = Annotated[str, _text(_header_name), _WRITTEN_TEXT]
Boolean = Annotated[
    bool, PlainValidator(reading(scalars.read_boolean)), WithJsonSchema({"type": "boolean"})
]
Port = Annotated[
    int,
    PlainValidator(reading(lambda value: scalars.read_integer(value, 0, 65_535))),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 65_535}),
]
DurationField = Annotated[
    scalars.Duration, PlainValidator(reading(scalars.read_duration)), WithJsonSchema(DURATION_FORM)
]
Leeway = Annotated[
    scalars.Duration, PlainValidator(reading(_leeway)), WithJsonSchema(DURATION_FORM)
]
Window = Annotated[
    scalars.Duration | Literal["session"],
    PlainValidator(reading(_window)),
    WithJsonSchema({"anyOf": [{"const": "session"}, DURATION_FORM]}),
]
Count = Annotated[
    int,
    PlainValidator(reading(lambda value: scalars.read_integer(value, 1, 1_000_000))),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 1_000_000}),
]
Size = Annotated[int, PlainValidator(reading(scalars.read_size)), WithJsonSchema(SIZE_FORM)]
Amount = Annotated[str, PlainValidator(reading(scalars.read_amount)), WithJsonSchema(AMOUNT_FORM)]
Currency = Annotated[str, PlainValidator(reading(scalars.read_currency)), _WRITTEN_TEXT]
Secret = Annotated[SecretStr, PlainValidator(_secret), _WRITTEN_TEXT]
RedactionKey = Annotated[SecretStr, PlainValidator(_redaction_key), _WRITTEN_TEXT]
HeaderValue = Annotated[SecretStr, PlainValidator(_header_value), _WRITTEN_TEXT]
Place = Annotated[str, PlainValidator(_place), _WRITTEN_TEXT]
Directory = Annotated[Path, PlainValidator(_path), _WRITTEN_TEXT]
File = Annotated[Path, PlainValidator(_path), _WRITTEN_TEXT]
