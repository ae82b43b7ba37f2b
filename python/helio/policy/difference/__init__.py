"""What a change of policy changes: the calls that two policies decide otherwise, region by region.

Above: `helio diff`. Below: `helio.policy.reach` (sets of calls), `helio.policy.graph`,
`helio.evaluator`. Pure. Within, in the order of the data: `reading` (a rule graph as sets of
conditions), `alignment` (what both policies share), `clusters` (changed rules with those that they
meet), `outcomes` (what becomes of calls), `diagram` (where the two differ), `comparing` (which is
wider), `possible` and `calls` (calls that show it), `regions` and `words` (which calls,
in words), `trying` (single calls), `guards`, `unknown_sessions` and `counters` (what stands
beside the rules), `report` and `verdicts`, `finding`.
"""

from helio.policy.difference.comparing import Kind
from helio.policy.difference.finding import differences
from helio.policy.difference.outcomes import ApprovalTerms, Conduct
from helio.policy.difference.reading import Side
from helio.policy.difference.report import Difference, Differing, Undecided, Verdict

__all__ = [
    "ApprovalTerms",
    "Conduct",
    "Difference",
    "Differing",
    "Kind",
    "Side",
    "Undecided",
    "Verdict",
    "differences",
]
