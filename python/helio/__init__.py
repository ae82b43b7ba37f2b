"""Helio: a governance proxy for AI agents that speak MCP."""
