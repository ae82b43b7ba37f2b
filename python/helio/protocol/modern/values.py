"""Texts as header values (2026-07-28, Streamable HTTP, "Value Encoding"). Pure.

What is plain ASCII stands as it is; everything else as `=?base64?…?=` over its UTF-8.
"""

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

_START: Final = b"=?base64?"
_END: Final = b"?="
_PLAIN: Final = re.compile(rb"[\x20-\x7e]*")
_WRITTEN: Final = re.compile(rb"[\x20-\x7e\t]*")


def encoded(text: str) -> bytes:
    """The header value of `text`. Raises `UnicodeEncodeError` for a lone surrogate."""
    plain = text.encode()
    if _PLAIN.fullmatch(plain) and plain == plain.strip() and not _marked(plain):
        return plain
    return _START + b64encode(plain) + _END


def written(value: bytes) -> str | None:
    """A header value as it stands, without the white space around it.

    None when it holds anything but visible ASCII, spaces and tabs: what else a byte means is not
    agreed upon.
    """
    found = value.strip(b" \t")
    return found.decode("ascii") if _WRITTEN.fullmatch(found) else None


def decoded(value: bytes) -> str | None:
    """The text that a header value stands for; None when it stands for none.

    Only the one spelling that `encoded` gives counts: base64 with padding and without stray bits,
    over UTF-8. So no two values mean the same text by accident, and none is read in two ways.
    """
    plain = written(value)
    if plain is None:
        return None
    ascii_ = plain.encode()
    if not _marked(ascii_):
        return plain
    payload = ascii_[len(_START) : -len(_END)]
    if len(ascii_) < len(_START) + len(_END):
        return None
    try:
        content = b64decode(payload, validate=True)
        return content.decode() if b64encode(content) == payload else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _marked(value: bytes) -> bool:
    return value.startswith(_START) and value.endswith(_END)
