"""What Helio tells of itself to those who watch it: metrics, traces, logs.

Above: `helio.app`, `helio.runtime`. Below: `helio.protocol`,
`helio.governance.ticket`. What it tells of a call is the call's audit record, so that it says
nothing that the audit would not. In the order of the data: `observation` (what is seen of a call),
`labels`, `metrics`, `approvals` and `gauges` (Prometheus), `collector` and `forwarded_log`
(OpenTelemetry, imported when it is configured), `logs` (JSON lines).
"""
