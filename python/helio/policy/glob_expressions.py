"""Globs as regular expressions, and back: rules about installations ask by these.

Above: `installation`, and whoever shows such a rule. Below: nothing. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

_HEAD: Final = "^(?s:"
_TAIL: Final = ")$"
_SIGNS: Final = re.compile(r"\\x\{([0-9a-f]+)\}|\\(.)|\(\?:|\.\*|.", re.DOTALL)
_SPECIAL: Final = frozenset("*?[]{}\\")


def globs_as_regex(globs: Sequence[str]) -> str:
    """What matches the texts that one of the globs takes in whole. All of them can be read."""
    return f"{_HEAD}{'|'.join(map(glob_as_regex, globs))}{_TAIL}"


def globs_of_regex(regex: str) -> tuple[str, ...]:
    """The globs of an expression that `globs_as_regex` wrote, up to signs that need no `\\`."""
    found = [""]
    depth = 0
    in_class = False
    for sign in _SIGNS.finditer(regex.removeprefix(_HEAD).removesuffix(_TAIL)):
        code, escaped = sign.groups()
        text = sign.group()
        if code is not None or escaped is not None:
            found[-1] += _meant(chr(int(code, 16)) if code else escaped, in_class, depth)
        elif in_class:
            in_class = text != "]"
            found[-1] += "!" if text == "^" else text
        elif text == "|" and not depth:
            found.append("")
        else:
            depth += {"(?:": 1, ")": -1}.get(text, 0)
            in_class = text == "["
            written = {"(?:": "{", ")": "}", "|": ",", ".*": "*", ".": "?"}
            found[-1] += written.get(text, text)
    return tuple(found)


def _meant(sign: str, in_class: bool, depth: int) -> str:
    """A character that means itself, as a glob has it."""
    special = sign in _SPECIAL or (sign in "-!^" and in_class) or (sign == "," and depth > 0)
    return f"\\{sign}" if special else sign


def glob_as_regex(glob: str) -> str:
    """What matches the same texts as a glob that can be read, when it stands alone between `^` and
    `$` and `.` matches every character."""
    written: list[str] = []
    depth = 0
    signs = iter(glob)
    for sign in signs:
        if sign == "\\":
            written.append(_literal(next(signs)))
        elif sign == "[":
            written.append(_class(signs))
        elif sign == "{":
            depth += 1
            written.append("(?:")
        elif sign == "}" and depth:
            depth -= 1
            written.append(")")
        elif sign == "," and depth:
            written.append("|")
        else:
            written.append({"*": ".*", "?": "."}.get(sign) or _literal(sign))
    return "".join(written)


def _class(signs: Iterator[str]) -> str:
    """A set of characters, read up to its end."""
    found = next(signs)
    negated = "^" if found == "!" else ""
    if negated:
        found = next(signs)
    members: list[tuple[str, bool]] = []
    while found != "]":
        escaped = found == "\\"
        members.append((next(signs) if escaped else found, escaped))
        found = next(signs)
    inner = range(1, len(members) - 1)
    parts = [
        "-" if member == "-" and not escaped and at in inner else _literal(member)
        for at, (member, escaped) in enumerate(members)
    ]
    return f"[{negated}{''.join(parts)}]"


def _literal(sign: str) -> str:
    """One character, which means itself in expressions and in their classes."""
    if not sign.isascii() or sign.isalnum() or sign in "_/@:<> ":
        return sign
    return f"\\{sign}" if sign.isprintable() else f"\\x{{{ord(sign):x}}}"
