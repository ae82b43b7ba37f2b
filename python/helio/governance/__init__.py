"""The facts that a decision needs and changes: identity, the tool catalogue, counters, feedback.

Above: `helio.pipeline`. Below: `helio.evaluator`, `helio.protocol`. Pure: no I/O, no clock.
"""

from typing import Final

LOCK_NAME: Final = "helio.tools.lock"
"""The file of accepted tools, beside the configuration: known without what reads it (`lock`)."""
