"""The pipeline on a clock that is set: what other policies would have said, without doors or tools.

Above: `helio.cli`. Below: `helio.runtime.state`, `helio.pipeline`; for replays `helio.audit`.
"""
