"""The tools' side: the HTTP/1.1 client, the upstreams by name, and their tool lists.

Above: `helio.runtime`, `helio.transport`, `helio.app`. Below: `helio.protocol` and `helio.errors`.
"""
