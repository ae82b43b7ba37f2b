"""Ports that speak one era of MCP to the agent and the other one to the upstream.

Above: `helio.upstream.eras`, which chooses. Below: the port of the upstream.
"""
