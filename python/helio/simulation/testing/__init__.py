"""Policy tests: sequences of calls with what a policy must say of them, on a clock that is set.

Above: `helio.cli`. Below: `helio.simulation.world`. Pure: texts of files come in. `reading` makes
cases of them, `running` plays cases, `coverage` says what they reached, `mutants` what they would
not notice, `told` writes all that for machines.
"""
