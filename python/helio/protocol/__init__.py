"""The wire's rules: revisions, JSON-RPC answers, event streams, media types, headers, guards
and splices.

Above it stand the transport (the agents' door) and the upstream room; below it nothing of Helio.
Every module here is pure: bytes and texts in, values out, without I/O, clock or log.
"""
