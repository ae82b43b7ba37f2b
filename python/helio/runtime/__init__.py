"""What makes the pipeline happen: the clock, identifiers and the driver.

Above: `helio.transport`, `helio.app`. Below: `helio.audit`, `helio.pipeline`.
"""
