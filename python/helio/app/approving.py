"""Approvals of one Helio: the broker as it is configured, with what the journal tells.

Above: `helio.app.application`. Below: `helio.approvals`, `reaching`, `helio.audit`.
"""

from collections.abc import Callable

from helio.app.reaching import Reach
from helio.approvals.broker import Broker
from helio.approvals.settings import ApprovalSettings
from helio.audit.journal import Journal
from helio.config.sections import HelioConfig
from helio.runtime import clock

STATE = "tickets"
"""What a checkpoint calls it."""


def approvals(
    config: HelioConfig, journal: Journal, reach: Reach, shown: Callable[[str], str]
) -> Broker:
    """The broker; `shown` hides in texts what must not be written. It is made while
    `journal.recovered` still tells of the past, which `helio.app.memory.Memory.restore` lets go
    of."""
    asked = config.approval
    settings = ApprovalSettings(
        mode=asked.mode,
        timeout_ms=int(asked.timeout),
        default_on_timeout=asked.default_on_timeout,
        grant_ttl_ms=int(asked.grant_ttl),
        channels=tuple(each.label for each in asked.channels) or ("dashboard",),
        keep_unrecorded=config.audit.on_failure == "allow",
    )
    broker = Broker(
        journal, reach.channels, settings, now=clock.now, new_id=clock.new_call_id, shown=shown
    )
    recovered = journal.recovered
    state = recovered.state or {}
    elapsed = max(0, clock.now().wall - recovered.state_at)
    broker.restore(state.get(STATE, ()), elapsed, recovered.approvals)
    return broker
