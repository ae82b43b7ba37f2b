"""The agents' HTTP doors behind their one port.

Above: `helio.app.application`. Below: `helio.transport`, the channels' own paths (`reaching`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web

from helio.app.reaching import Reach
from helio.approvals.broker import Broker
from helio.config.sections import HelioConfig
from helio.protocol.guards import host_rules, origin_rules
from helio.transport.admission import Guards
from helio.transport.door import HttpDoor, McpRoutes, mcp_path
from helio.transport.identification import Identification
from helio.transport.reception import Reception, RecordRejected
from helio.transport.sse_door import SseDoor, messages_path, sse_path


class Doors(NamedTuple):
    """What listens, and the door that must be closed by itself."""

    server: web.Server
    sse: SseDoor


def doors(
    config: HelioConfig,
    targets: Sequence[str | None],
    *,
    reception: Reception,
    identification: Identification,
    reach: Reach,
    broker: Broker,
    record_rejected: RecordRejected,
) -> Doors:
    """The doors to these targets."""
    listen = config.listen
    metadata = identification.routes()
    guards = Guards(
        hosts=host_rules(listen_host=listen.host, configured=listen.allowed_hosts),
        origins=origin_rules(own_ports=[listen.port], configured=listen.allowed_origins),
        max_body=listen.max_body,
        paths=[
            *(path(target) for path in (mcp_path, sse_path, messages_path) for target in targets),
            *metadata,
            *reach.paths,
        ],
    )
    door = HttpDoor(guards, record_rejected, record_strangers=config.auth.mode == "none")
    routes = McpRoutes(reception, guards, door.partings, identification.agent)
    sse = SseDoor(
        reception,
        guards,
        door.partings,
        identification.agent,
        max_sessions=listen.max_sse_sessions,
    )
    clicks = reach.routes(broker, guards)
    door.serve({**routes.of(targets), **sse.routes(targets), **metadata, **clicks})
    return Doors(door.server(), sse)
