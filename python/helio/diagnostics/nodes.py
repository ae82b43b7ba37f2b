"""The room's door to the native core: stretches of files, the nodes of YAML, and who reads it.

Above: `source`, `tree`, `plain_yaml`. Below: `helio._core`. Pure. They are native because a long
file has a million of them.
"""

from helio._core import Entry, Mapping, PlainReader, Scalar, Sequence, Span

__all__ = ["Entry", "Mapping", "PlainReader", "Scalar", "Sequence", "Span"]
