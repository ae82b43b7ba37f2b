"""The index and its questions in a process of their own: `python -m helio.audit.asking`.

Above: `helio.app.indexing` starts the process, `helio.operator` asks. In the order of the data:
`line` (the end of the process that serves calls), `frames` (what the two say to each other),
`answering` (the other end), `questions` (what may be asked). Only the last two know DuckDB.
"""
