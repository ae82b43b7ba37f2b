"""The audit: a journal that is the truth, and an index over it that answers questions.

Above: `helio.app`, `helio.runtime`, `helio.cli`. Below: `helio.errors`. In the order of the data:
`segment` (files and lines), `file_system` and `lock` (the disk), `writer` (the thread that writes),
`pending` and `journal` (what the event loop talks to), `recovery` (what a restart finds), `record`
(what a row holds), `loader` and `index` (DuckDB), `manifest`, `archive` and `sealing` (days that
are over), `reach` (over both), `query`, `analytics`, `export`, `asking` (the process that answers).
"""
