"""The dashboard: pages in `site/` that browsers read from the operator port, and who serves them.

Above: `helio.app`. Below: `helio.operator.access`. The pages know nothing that `/api` does not tell
whoever signed in.
"""
