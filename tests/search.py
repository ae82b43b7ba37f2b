"""How long hypothesis looks: `ci` is short and the same in every run, `proof` is long.

`HELIO_PROOF=1` chooses `proof`; `HELIO_PROOF_EXAMPLES` replaces its number of examples. Imported
before any test is, because a test keeps the profile that it was defined under.
"""

import os

from hypothesis import HealthCheck, settings

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "ci",
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=SLOW_IS_FINE,
)
settings.register_profile(
    "proof",
    max_examples=int(os.environ.get("HELIO_PROOF_EXAMPLES", "10000")),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=SLOW_IS_FINE,
)
settings.load_profile("proof" if os.environ.get("HELIO_PROOF") == "1" else "ci")
