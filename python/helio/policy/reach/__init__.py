"""Which rules calls can reach: decided on sets of calls, never guessed.

Above: `compiler`. Below: `helio.policy.document`, `helio.evaluator`. Pure. Within: `languages` and
`globs` (sets of texts), `values` (sets of JSON values), `conditions` and `spaces` (what conditions
make of them), `boxes` (sets of calls), `witnesses` (calls that show it), `findings`, `holes`,
`loopholes`.
"""

from helio.policy.reach.findings import check_reach, check_scans
from helio.policy.reach.holes import check_holes
from helio.policy.reach.loopholes import check_loopholes

__all__ = ["check_holes", "check_loopholes", "check_reach", "check_scans"]
