"""`helio.yaml` in one layout: indentation, blank lines, quotes and the order of a rule's keys.

Above: `helio fmt`. Below: PyYAML's events, `helio.diagnostics`. Pure. `layout` reads a text with
all its comments, `writing` writes it, and `keeping` makes sure that it says what it said.
"""

from helio.policy.formatting.formatter import Unformattable, formatted

__all__ = ["Unformattable", "formatted"]
