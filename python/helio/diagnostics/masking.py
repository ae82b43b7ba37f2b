"""Which parts of a configuration are secret, by their keys alone.

Above: `yaml_document`. Pure. It errs on the safe side: what is hidden is only left out of excerpts.
"""

import re
from functools import lru_cache

from helio.diagnostics.nodes import Span
from helio.diagnostics.source import SourceText

_SECRET = re.compile(
    r"secret|token|passw|passphrase|credential|authorization|cookie|api[_-]?key|private[_-]?key",
    re.IGNORECASE,
)
_HOLDERS = frozenset({"headers", "env"})
_CREDENTIALS_IN_URL = re.compile(r"://[^/?#\s]*@")
_OPENS_BLOCK = re.compile(r":\s*(?:[|>][-+0-9]*)?\s*(?:#.*)?$")


@lru_cache(maxsize=4096)
def is_secret_key(key: str) -> bool:
    """Whether the values below this key are hidden."""
    return key in _HOLDERS or _SECRET.search(key) is not None


def holds_credentials(text: str) -> bool:
    """Whether a text is a URL with a user or password in it."""
    return "://" in text and _CREDENTIALS_IN_URL.search(text) is not None


def masked_line_by_line(source: SourceText) -> SourceText:
    """The source with every suspicious line hidden: for a file that YAML cannot read."""
    spans = []
    hidden_deeper_than: int | None = None
    for number in range(1, source.line_count + 1):
        line = source.line(number)
        indent = len(line) - len(line.lstrip())
        if hidden_deeper_than is not None and line.strip() and indent <= hidden_deeper_than:
            hidden_deeper_than = None
        names_secret = _SECRET.search(line) is not None or re.search(r"\b(?:headers|env)\b", line)
        if hidden_deeper_than is not None or names_secret or holds_credentials(line):
            spans.append(Span(number, indent + 1, number, len(line) + 1))
        if hidden_deeper_than is None and names_secret and _OPENS_BLOCK.search(line):
            hidden_deeper_than = indent
    return source.with_masked(spans)
