"""The agents' door: streamable HTTP, its guards, and what is relayed through it.

Above: `helio.app`. Below: `helio.runtime` (the driver), `helio.upstream`, `helio.protocol`.
"""
