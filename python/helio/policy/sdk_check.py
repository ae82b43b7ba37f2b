"""Checks the globs of `sdk`: which evidence may be marked, and for whom tokens are.

Above: `compiler`. Below: `patterns`, `redaction_check` (whose lists of texts these are, too). Pure.
Its form is checked by `helio.config`.
"""

from helio.diagnostics import Diagnostics, Mapping, child_path
from helio.policy.patterns import Patterns
from helio.policy.redaction_check import items, texts


def check_sdk(root: Mapping, diagnostics: Diagnostics) -> None:
    """Reports every glob that cannot be read."""
    patterns = Patterns(diagnostics)
    sdk = root.get("sdk")
    if not isinstance(sdk, Mapping):
        return
    for text in texts(sdk.get("evidence"), "sdk.evidence"):
        patterns.glob(text)
    for token, path in items(sdk.get("tokens"), "sdk.tokens"):
        for key in ("agents", "evidence"):
            node = token.get(key) if isinstance(token, Mapping) else None
            for text in texts(node, child_path(path, key)):
                patterns.glob(text)
