"""Several upstreams as one: `Aggregate` is a `helio.upstream.port.Port` over them all.

Above: `helio.app`. Below: `helio.upstream.registry`. Tools and prompts have the name of their
upstream before their own, resources before their URI; nothing else of a message changes.

- `names`: what things are called here and there;
- `wording`: one message, towards an upstream or towards the agent;
- `merge`: one answer out of several;
- `member`: one of the upstreams, and what it says as the agent gets it;
- `sessions`: the sessions of legacy agents, each with one at every member;
- `gathering`: several members asked at once;
- `standing`: one standing stream out of several;
- `routes`: which message goes where;
- `port`: the whole.
"""

from helio.upstream.aggregate.member import Member
from helio.upstream.aggregate.names import Names
from helio.upstream.aggregate.port import Aggregate
from helio.upstream.aggregate.wording import Addressed, by_name

__all__ = ["Addressed", "Aggregate", "Member", "Names", "by_name"]
