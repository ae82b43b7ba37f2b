"""The one way of a call: events in, commands out, no I/O.

Above: `helio.runtime` (the driver) and everything that simulates calls. Below: `helio.governance`,
`helio.policy`. Pure: no clock, no loop, no randomness; identifiers and times come in with events.
"""
