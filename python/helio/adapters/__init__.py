"""Adapters: agents whose tools run in-process ask Helio before each call, and tell it how it ended.

Above: programs around agents, `helio.cli`. Below: `helio.sdk`, and nothing else of Helio; a
framework is imported by its own module here alone.
"""

from helio.adapters.client import AdapterClient
from helio.adapters.decisions import Blocked, Call, Evaluation
from helio.adapters.governing import Governor

__all__ = ["AdapterClient", "Blocked", "Call", "Evaluation", "Governor"]
