"""A policy as a picture: the way of a call through the rules, and what rules have to do with each
other.

Above: `helio graph`. Below: `helio.policy.graph`. Pure. `drawing` makes boxes and arrows of a
policy; `dot`, `mermaid` and `listing` write them.
"""

from helio.policy.picture.dot import as_dot
from helio.policy.picture.drawing import Arrow, Box, Drawing, draw
from helio.policy.picture.listing import as_text
from helio.policy.picture.mermaid import as_mermaid

__all__ = ["Arrow", "Box", "Drawing", "as_dot", "as_mermaid", "as_text", "draw"]
