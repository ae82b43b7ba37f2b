"""Approvals: tickets of calls that wait for people, kept in the journal, told to channels.

Above: `helio.runtime` (the driver asks), `helio.app`. Below: `helio.audit` (the journal),
`helio.governance.ticket` (what a ticket is).

`book` is pure: all tickets and grants, a fold over what the journal holds. `broker` asks, waits,
resolves and notifies. `channels` are the ways to people.
"""
