"""The ways to people: one module a kind of channel, all by the protocol of `port`.

Above: `helio.approvals.broker`, `helio.app`. Below: `helio.governance.ticket`.
"""
