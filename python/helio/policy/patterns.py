"""Globs, paths and regular expressions of rules, read by the evaluator's own readers.

Above: `check`, `lower`. Below: `document`, `helio.evaluator`. Pure. What cannot be read is reported
at the character where reading failed.
"""

from collections.abc import Callable
from functools import lru_cache

import orjson

from helio.diagnostics import Code, Diagnostics, Interpolated, quoted
from helio.evaluator import PatternError, check_glob, check_regex, normalize_path
from helio.policy import codes
from helio.policy.document import Text


class Patterns:
    """Checks patterns; reports the faults of each use."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def glob(self, text: Text) -> bool:
        """Whether it is a glob; a fault where it is none."""
        return self._read(_checked_glob, text, codes.GLOB) is not None

    def regex(self, text: Text) -> None:
        """A regular expression, or a fault."""
        self._read(check_regex, text, codes.REGEX)

    def path(self, text: Text) -> str | None:
        """The normalised path, or a fault and None."""
        return self._read(normal_path, text, codes.PATH)

    def metadata_path(self, text: Text) -> str | None:
        """The normalised path of a key of `metadata`, or a fault and None."""
        return self._read(normal_metadata_path, text, codes.PATH)

    def _read(self, read: Callable[[str], str | None], text: Text, code: Code) -> str | None:
        try:
            return read(text.value)
        except PatternError as error:
            offset, message = _place(text.value, *error.args)
            what = f"{quoted(text.value)}: {message}"
            place = text.node.point(offset)
            hint = _other_name(text.value) if code is codes.PATH else None
            self._diagnostics.add(code, what, place, text.path, hint)
            return None


def _other_name(text: str) -> str | None:
    """How a single name is written that holds other signs than letters, digits and `_`."""
    if (
        isinstance(text, Interpolated)
        or not text.isprintable()
        or not text
        or any(sign in text for sign in "$.[]*'\"\\")
    ):
        return None
    return f"a name with other signs is written `$['{text}']`"


def _checked_glob(text: str) -> str:
    check_glob(text)
    return text


@lru_cache(maxsize=4096)
def normal_path(text: str) -> str:
    """The normalised path. Raises `helio.evaluator.PatternError`."""
    return normalize_path(text)


def normal_metadata_path(text: str) -> str:
    """The same for a key of `metadata`: one that does not begin with `$` is a name, not a path."""
    return normal_path(text if text.startswith("$") else f"$[{orjson.dumps(str(text)).decode()}]")


@lru_cache(maxsize=4096)
def may_select_several(path: str) -> bool:
    """Whether a normalised path is no singular query (RFC 9535, section 2.3.5.1): it has a
    wildcard, a slice, a list of selectors or `..`.
    """
    outside = _outside_names(path)
    return any(sign in outside for sign in ("*", ":", ",", ".."))


def _outside_names(path: str) -> str:
    """The path without the texts in quotes."""
    kept: list[str] = []
    in_name = False
    characters = iter(path)
    for character in characters:
        if in_name and character == "\\":
            next(characters, None)
        elif character == "'":
            in_name = not in_name
        elif not in_name:
            kept.append(character)
    return "".join(kept)


def _place(text: str, offset: int, message: str) -> tuple[int, str]:
    """Where and what in characters of the text. The native offset counts bytes of UTF-8; the regex
    reader draws the pattern with a mark below it and says what is wrong in its last line."""
    lines = message.splitlines()
    if len(lines) < 4:
        return len(text.encode()[:offset].decode("utf-8", "ignore")), message
    mark = lines[-2].find("^")
    indent = 4
    drawn_whole = lines[1][indent:] == text
    return (max(0, mark - indent) if drawn_whole else 0), lines[-1].removeprefix("error: ")
