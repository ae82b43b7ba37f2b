"""The SDK port: what programs around agents tell Helio beside MCP.

Above: `helio.app`. Below: `helio.runtime`, and of `helio.operator` what both ports share: how a
refusal is answered, and how a session is shown.
"""
