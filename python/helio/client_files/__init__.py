"""The configuration files of MCP clients: where they are, and how their servers come to be reached
through Helio and back again.

Above: `helio.cli`. Below: nothing of Helio. Pure: texts in, texts out. What is not changed keeps
its every character, comments included.
"""

from helio.client_files.jsonc import NotReadable, parsed
from helio.client_files.known import CLIENTS, Client
from helio.client_files.takeover import (
    Door,
    Reached,
    Server,
    State,
    connected,
    disconnected,
    upstream_name,
)

__all__ = [
    "CLIENTS",
    "Client",
    "Door",
    "NotReadable",
    "Reached",
    "Server",
    "State",
    "connected",
    "disconnected",
    "parsed",
    "upstream_name",
]
