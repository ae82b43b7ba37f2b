"""`helio bench`: what a decision costs, and what a call through Helio costs beside a direct one.

Above: `helio.cli`. Below: `helio.evaluator` for the evaluator alone; for the proxy whole processes
on loopback: an echo server, a bare pass-through, a load generator and `python -m helio start`.

`workload` generates policies and calls; `evaluator` and `proxy` measure; `figures` computes what is
reported; `comparison` holds two reports against each other; `report` shows one to people.
"""
