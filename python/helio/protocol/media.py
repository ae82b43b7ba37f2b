"""Media types by their essence, never by substring (RFC 9110, sections 8.3.1 and 12.5.1).

Used by the transport's guards and by the upstream room. Pure; results for recent header texts are
remembered.
"""

import re
from functools import lru_cache
from typing import Final

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
FORM: Final = "application/x-www-form-urlencoded"

_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ESSENCE: Final = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*(?:;|\Z)")
_UTF_8: Final = re.compile(r'[^;]*;[ \t]*charset="?utf-8"?[ \t]*;?[ \t]*', re.IGNORECASE)
_WEIGHT: Final = re.compile(r";[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?)[ \t]*(?:;|\Z)")


@lru_cache(maxsize=128)
def essence(content_type: str | None) -> str | None:
    """`type/subtype` in lower case, without parameters; None when absent or not a media type."""
    if content_type is None:
        return None
    found = _ESSENCE.match(content_type)
    return found[1].lower() if found else None


@lru_cache(maxsize=128)
def is_json(content_type: str | None) -> bool:
    """Whether a `Content-Type` says JSON, in the only encoding that JSON has on the wire (RFC 8259,
    sections 8.1 and 11).

    A `charset` means nothing there, and yet servers decode by it: one message would have two
    readings. So it can only be UTF-8.
    """
    if content_type is None or essence(content_type) != JSON:
        return False
    return "charset" not in content_type.lower() or _UTF_8.fullmatch(content_type) is not None


@lru_cache(maxsize=128)
def accepts(accept: str | None, media_type: str) -> bool:
    """Whether an `Accept` header takes a media type (given by its essence, in lower case).

    An absent or empty header takes everything. The most specific range that covers the type counts,
    and weight 0 refuses; other weights and parameters are not compared. Ranges that cannot be read
    take nothing.
    """
    if accept is None or not accept.strip(" \t,"):
        return True
    main_type = media_type.split("/", 1)[0]
    specificity = {media_type: 3, f"{main_type}/*": 2, "*/*": 1}
    best, verdict = 0, False
    for member in accept.split(","):
        rank = specificity.get(essence(member) or "", 0)
        if rank == 0 or rank < best:
            continue
        weighted = _WEIGHT.search(member)
        taken = weighted is None or float(weighted[1]) > 0
        verdict = taken if rank > best else verdict or taken
        best = rank
    return verdict


@lru_cache(maxsize=128)
def names(accept: str | None, media_type: str) -> bool:
    """Whether an `Accept` header names a media type itself, not by a range such as `*/*`."""
    return accept is not None and any(essence(each) == media_type for each in accept.split(","))
