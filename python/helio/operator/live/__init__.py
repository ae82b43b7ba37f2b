"""What happens, told while it happens: the operator port's `/api/events`.

Events are read from the journal: `told` (pure) makes them of its records, `following` reads on as
the journal grows, `stream` sends them. So their ids are the journal's own numbers, which a restart
does not change, and nothing is told that is not recorded.
"""
