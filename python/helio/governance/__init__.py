"""The facts that a decision needs and changes: identity, the tool catalogue, counters, feedback.

Above: `helio.pipeline`. Below: `helio.evaluator`, `helio.protocol`. Pure: no I/O, no clock.
"""
