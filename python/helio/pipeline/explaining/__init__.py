"""Why one call is decided so: every rule that was considered, and what each condition found.

Above: `helio explain`, the operator API, `helio.simulation.testing`. Below: `helio.evaluator`,
which says how each condition came out, so that an explanation cannot differ from a decision. Pure.
Read a call with `stated_call`, and ask an `Explainer` of the policy for its `Explanation`.
"""

from helio.pipeline.explaining.explainer import Explainer
from helio.pipeline.explaining.explanation import (
    Asked,
    ExplainedCondition,
    ExplainedRule,
    Explanation,
)
from helio.pipeline.explaining.stated import StatedCall, StatedSession, UnfitCall, stated_call

__all__ = [
    "Asked",
    "ExplainedCondition",
    "ExplainedRule",
    "Explainer",
    "Explanation",
    "StatedCall",
    "StatedSession",
    "UnfitCall",
    "stated_call",
]
