"""The types of the models' fields: each reads its value by one reader of `scalars`.

Above: `sections`. Below: `scalars`, pydantic. Pure. Every refusal is a `wrong_type` or
`wrong_value` error whose context holds the hint; no message repeats a value.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import PlainValidator, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from helio.config import scalars
from helio.diagnostics import Interpolated

T = TypeVar("T")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_MAX_LEEWAY = 600_000
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}\Z|\[?[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\]?\Z")


def unfit(
    message: str, hint: str | None = None, *, wrong_type: bool = False
) -> PydanticCustomError:
    """The error that a validator raises. The texts stand for themselves: nothing in them is filled
    in.
    """
    kind = "wrong_type" if wrong_type else "wrong_value"
    # Braces would be read as places to fill in.
    return PydanticCustomError(kind, "{message}", {"message": message, "hint": hint})


def reading(reader: Callable[[object], T]) -> Callable[[object], T]:
    """A validator from a reader of `scalars`."""

    def read(value: object) -> T:
        try:
            return reader(value)
        except scalars.UnfitValue as error:
            raise unfit(error.message, error.hint, wrong_type=error.wrong_type) from None

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


def _keys_url(text: str) -> str:
    """Where keys are fetched: whoever could change them on the way could be any agent."""
    _url(text)
    if _is_placeholder(text):
        return text
    parts = urlsplit(text)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise unfit("keys are fetched over `https`, or from this machine", "write `https://…`")
    return text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
    text = reading(scalars.read_text)(value)
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


def _leeway(value: object) -> scalars.Duration:
    duration = scalars.read_duration(value, positive=False)
    if duration > _MAX_LEEWAY:
        raise scalars.UnfitValue("a leeway is at most `10m`", wrong_type=False)
    return duration


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


Text = Annotated[str, _text()]
Name = Annotated[str, _text(_name)]
Url = Annotated[str, _text(_url)]
PublicUrl = Annotated[str, _text(_public_url)]
KeysUrl = Annotated[str, _text(_keys_url)]
Origin = Annotated[str, _text(_origin)]
Host = Annotated[str, _text(_host)]
HeaderName = Annotated[str, _text(_header_name)]
Boolean = Annotated[bool, PlainValidator(reading(scalars.read_boolean))]
Port = Annotated[int, PlainValidator(reading(lambda value: scalars.read_integer(value, 0, 65_535)))]
DurationField = Annotated[scalars.Duration, PlainValidator(reading(scalars.read_duration))]
Leeway = Annotated[scalars.Duration, PlainValidator(reading(_leeway))]
Window = Annotated[scalars.Duration | Literal["session"], PlainValidator(reading(_window))]
Count = Annotated[
    int, PlainValidator(reading(lambda value: scalars.read_integer(value, 1, 1_000_000)))
]
Size = Annotated[int, PlainValidator(reading(scalars.read_size))]
Amount = Annotated[str, PlainValidator(reading(scalars.read_amount))]
Currency = Annotated[str, PlainValidator(reading(scalars.read_currency))]
Secret = Annotated[SecretStr, PlainValidator(_secret)]
HeaderValue = Annotated[SecretStr, PlainValidator(_header_value)]
Directory = Annotated[Path, PlainValidator(_path)]
File = Annotated[Path, PlainValidator(_path)]
