"""The composition root: every room of one Helio, wired together, started and ended in order.

Above: `helio.cli`. Below: everything.
"""

from helio.app.application import Application
from helio.app.ports import Listeners

__all__ = ["Application", "Listeners"]
