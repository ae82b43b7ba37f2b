"""Single values read as the type that is wanted there: texts, booleans, numbers, durations, sizes.

Above: the models in `sections`, and the rules in `helio.policy`. Pure. A text that was interpolated
is read as the type that is wanted; any other text is only ever text. No message repeats a value.
"""

import re
from decimal import Decimal

from helio.diagnostics import Interpolated, Number, near_miss, only_typo

_DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)\Z")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST = 3_650 * _MILLISECONDS["d"]
_SIZE = re.compile(r"([0-9]{1,15}) ?(B|KiB|MiB|GiB|kB|KB|MB|GB)?\Z")
_BYTES = {
    "B": 1,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,18})?\Z")
_CURRENCY = re.compile(r"[^\s:]{1,16}\Z")
_BOOLEAN_LIKE = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}
MONEY_DIGITS = 28
"""Significant digits of an amount."""


_DURATION_HINT = "write a whole number and a unit: `500ms`, `30s`, `5m`, `1h` or `90d`"
_SPELT_DURATION = re.compile(
    r"([0-9]{1,15}) ?(?:(ms|millis(?:econds?)?|milliseconds?)|(s|secs?|seconds?)|(m|mins?|minutes?)"
    r"|(h|hrs?|hours?)|(d|days?))\Z"
)
"""Durations as people write them."""


class UnfitValue(ValueError):
    """A value that cannot be read as what is wanted. `wrong_type`: it is of another type
    altogether. `fix` is what to write instead, where nothing else can have been meant.
    """

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        wrong_type: bool = True,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.fix = fix
        self.message = message
        self.hint = hint
        self.wrong_type = wrong_type


class Duration(int):
    """A length of time in whole milliseconds."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Reads `500ms`, `30s`, `5m`, `1h`, `90d`. Raises `UnfitValue`; the longest is 3650d."""
        match = _DURATION.match(text)
        if match is None:
            meant = None if isinstance(text, Interpolated) else _meant_duration(text)
            raise UnfitValue(
                "this is not a duration",
                f"write `{meant}`" if meant is not None else _DURATION_HINT,
                wrong_type=False,
                fix=meant,
            )
        milliseconds = int(match[1]) * _MILLISECONDS[match[2]]
        if milliseconds > _LONGEST:
            raise UnfitValue("a duration is at most `3650d`", wrong_type=False)
        return cls(milliseconds)

    @property
    def seconds(self) -> float:
        """The same length in seconds."""
        return self / 1000

    def text(self) -> str:
        """The shortest form that the configuration has for it."""
        for unit, milliseconds in reversed(_MILLISECONDS.items()):
            if self % milliseconds == 0 and self:
                return f"{self // milliseconds}{unit}"
        return "0s"


def _meant_duration(text: str) -> str | None:
    """The duration that somebody spelt in another way."""
    match = _SPELT_DURATION.match(text)
    if match is None or match.lastindex is None:
        return None
    return match[1] + tuple(_MILLISECONDS)[match.lastindex - 2]


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "nothing"),
    (bool, "a boolean"),
    ((Number, int), "a number"),
    (str, "text"),
    (dict, "a mapping"),
    ((tuple, list), "a list"),
)


def kind_of(value: object) -> str:
    """What a value is, for messages."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "something else")


def read_text(value: object) -> str:
    """A text. Raises `UnfitValue` for anything else."""
    if isinstance(value, str):
        return value
    fix = None
    if isinstance(value, Number):
        fix = f"'{value.text}'"
    elif isinstance(value, bool):
        fix = f"'{str(value).lower()}'"
    hint = None if fix is None else f"quote it: `{fix}`"
    raise UnfitValue(f"expected text, found {kind_of(value)}", hint, fix=fix)


def read_boolean(value: object) -> bool:
    """`true` or `false`. Raises `UnfitValue`: `yes` and `on` are texts."""
    if isinstance(value, bool):
        return value
    hint = "write `true` or `false`"
    if isinstance(value, Interpolated):
        if value in ("true", "false"):
            return value == "true"
        raise UnfitValue("expected `true` or `false` from the environment", wrong_type=False)
    meant = None
    if isinstance(value, str):
        meant = _BOOLEAN_LIKE.get(value.lower())
        if value in ("true", "false"):
            hint = "remove the quotes"
        elif meant is not None:
            hint = f"write `{meant}`: only `true` and `false` are booleans"
    raise UnfitValue(f"expected `true` or `false`, found {kind_of(value)}", hint, fix=meant)


def read_number(value: object) -> str:
    """A number's text, as it was written. Raises `UnfitValue`."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Interpolated):
        if _NUMBER.match(value):
            return str(value)
        raise UnfitValue("expected a number from the environment", wrong_type=False)
    if isinstance(value, str) and _NUMBER.match(value):
        raise UnfitValue("expected a number, found text", "remove the quotes", fix=value)
    raise UnfitValue(f"expected a number, found {kind_of(value)}")


def read_integer(value: object, minimum: int, maximum: int) -> int:
    """A whole number between two bounds, both included. Raises `UnfitValue`."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        text = read_number(value)
        if not text.removeprefix("-").isdigit():
            raise UnfitValue("expected a whole number")
        if len(text) > 20:
            raise UnfitValue(f"expected at most {maximum:,}", wrong_type=False)
        number = int(text)
    if number < minimum:
        raise UnfitValue(f"expected at least {minimum:,}", wrong_type=False)
    if number > maximum:
        raise UnfitValue(f"expected at most {maximum:,}", wrong_type=False)
    return number


def read_amount(value: object) -> str:
    """A positive amount of money as a plain decimal text of at most 28 digits, without exponent and
    without zeros at the end of a fraction. Raises `UnfitValue`."""
    amount = Decimal(read_number(value))
    if amount <= 0:
        raise UnfitValue("expected an amount above 0", wrong_type=False)
    digits = amount.as_tuple()
    exponent = digits.exponent
    # Before anything is written out: an exponent of a billion would be a text of a billion zeros.
    if not isinstance(exponent, int) or abs(exponent) + len(digits.digits) > 2 * MONEY_DIGITS:
        raise UnfitValue(f"an amount has at most {MONEY_DIGITS} digits", wrong_type=False)
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.replace(".", "").lstrip("0")) > MONEY_DIGITS or len(text) > MONEY_DIGITS + 2:
        raise UnfitValue(f"an amount has at most {MONEY_DIGITS} digits", wrong_type=False)
    return text


def read_currency(value: object) -> str:
    """A currency's code. Raises `UnfitValue`. A colon would end it within a limit's id ("The rule
    graph" in docs/architecture.md).
    """
    text = read_text(value)
    if not _CURRENCY.match(text) or not text.isprintable():
        message = "a currency has 1 to 16 characters, none of them a space or `:`"
        raise UnfitValue(message, "write its code: `GBP`", wrong_type=False)
    return text


def read_duration(value: object, *, positive: bool = True) -> Duration:
    """A duration in milliseconds. Raises `UnfitValue`."""
    if isinstance(value, int) and not isinstance(value, bool):
        duration = Duration(value)
    elif isinstance(value, str):
        duration = Duration.parse(value)
    else:
        hint = f"write its unit: `{value.text}s`" if isinstance(value, Number) else None
        raise UnfitValue(f"expected a duration such as `30s`, found {kind_of(value)}", hint)
    if positive and duration <= 0:
        raise UnfitValue("expected a duration above 0", wrong_type=False)
    return duration


def read_size(value: object) -> int:
    """A size in bytes: a whole number, or a text such as `4MiB`. Raises `UnfitValue`."""
    if isinstance(value, Number | int):
        return read_integer(value, 1, 1 << 40)
    if not isinstance(value, str):
        raise UnfitValue(f"expected a size such as `4MiB`, found {kind_of(value)}")
    match = _SIZE.match(value)
    if match is None:
        hint = "write a whole number of bytes, or a number and a unit: `256KiB`, `4MiB`, `1GiB`"
        raise UnfitValue("this is not a size", hint, wrong_type=False)
    return read_integer(int(match[1]) * _BYTES[match[2] or "B"], 1, 1 << 40)


_SAME = {
    **dict.fromkeys(("block", "reject", "forbid", "refuse", "disallow"), "deny"),
    **dict.fromkeys(("permit", "accept", "pass", "grant"), "allow"),
    **dict.fromkeys(("approve", "approval", "ask", "confirm"), "require_approval"),
    **dict.fromkeys(("throttle", "limit"), "rate_limit"),
}
"""What others call it."""


def read_word(value: object, words: tuple[str, ...]) -> str:
    """One of the words. Raises `UnfitValue` that lists them; a text that is none of them is
    repeated unless it came from the environment.
    """
    if isinstance(value, str) and value in words:
        return value
    listed = ", ".join(f"`{word}`" for word in words)
    wanted = listed if len(words) == 1 else f"one of {listed}"
    if isinstance(value, bool) or (isinstance(value, Number) and value.text not in words):
        raise UnfitValue(f"expected {wanted}, found {kind_of(value)}")
    text = read_text(value)
    if isinstance(text, Interpolated):
        raise UnfitValue(f"expected {wanted} from the environment", wrong_type=False)
    same = _SAME.get(text.lower())
    near = same if same in words else near_miss(text, words)
    hint = f"did you mean `{near}`?" if near in words else None
    raise UnfitValue(f"expected {wanted}", hint, wrong_type=False, fix=only_typo(text, words))


def duration(milliseconds: int) -> str:
    """A duration as people write it: the largest unit that divides it; a single day is 24h."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        least = 2 * size if unit == "d" else size
        if milliseconds % size == 0 and milliseconds >= least:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
