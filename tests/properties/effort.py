"""How many examples a property looks at, in parts of the profile's number (see conftest.py)."""

from fractions import Fraction

from hypothesis import settings


def times(factor: int | Fraction) -> settings:
    """Return the profile with `factor` times its examples: more where one is cheap."""
    profile = settings()
    return settings(profile, max_examples=max(1, int(profile.max_examples * factor)))
