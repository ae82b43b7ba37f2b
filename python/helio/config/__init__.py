"""`helio.yaml`: its schema as strict models, interpolation, durations, and every fault at once.

Above: `helio.policy`, which compiles the rules, and everything that needs a setting. Below:
`helio.diagnostics`. `load_config` reads a file; all else is pure.
"""

from helio.config.identity import AuthConfig, SessionConfig
from helio.config.loading import LoadedConfig, Purpose, load_config, parse_config
from helio.config.scalars import Duration
from helio.config.sections import (
    ApprovalConfig,
    AuditConfig,
    DashboardConfig,
    HelioConfig,
    ListenConfig,
    PoliciesConfig,
    StateConfig,
    TelemetryConfig,
    ToolRevalidationConfig,
    UpstreamConfig,
)
from helio.config.sideband import SdkConfig

__all__ = [
    "ApprovalConfig",
    "AuditConfig",
    "AuthConfig",
    "DashboardConfig",
    "Duration",
    "HelioConfig",
    "ListenConfig",
    "LoadedConfig",
    "PoliciesConfig",
    "Purpose",
    "SdkConfig",
    "SessionConfig",
    "StateConfig",
    "TelemetryConfig",
    "ToolRevalidationConfig",
    "UpstreamConfig",
    "load_config",
    "parse_config",
]
