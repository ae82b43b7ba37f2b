"""What one `helio stdio` stands in front of.

Above: `helio.cli.stdio_serving`. Below: `helio.config`.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr, ValidationError

from helio.config.sections import HelioConfig, NamedUpstreamConfig, UpstreamConfig
from helio.errors import StartFailed
from helio.upstream.registry import DEFAULT_NAME

_KEPT: Final = ("connect_timeout", "request_timeout", "protocol_version")
_KEPT_OF_COMMANDS: Final = ("cwd", "processes", "max_processes", "idle_timeout")
"""What a configured upstream says that holds for a command in its place too."""
_LAUNCHERS: Final = frozenset(
    ("bun", "bunx", "deno", "docker", "node", "npx", "pipx", "podman", "python", "uv", "uvx")
)
"""Programs that say nothing of the server that they start."""
_SUBCOMMANDS: Final = frozenset(("dlx", "exec", "run", "tool", "x"))


@dataclass(frozen=True, slots=True)
class Served:
    """A `command` (with a `name`, if it was given one), or an `upstream` of the configuration;
    neither means the one that is configured.
    """

    command: tuple[str, ...] = ()
    upstream: str | None = None
    name: str | None = None

    def within(self, config: HelioConfig) -> HelioConfig:
        """The configuration with this upstream alone. Raises `StartFailed`."""
        if self.command:
            return self._with_command(config)
        if config.upstream is not None and self.upstream in (None, DEFAULT_NAME):
            return config
        if self.upstream is None:
            return self._only_one(config)
        for each in config.upstreams:
            if each.name == self.upstream:
                return config.model_copy(update={"upstreams": (each,), "aggregate": False})
        raise StartFailed(f"no upstream is named {self.upstream!r}", _names(config))

    def target(self, config: HelioConfig) -> str | None:
        """How the reception knows it; `config` is what `within` gave."""
        if config.upstream is not None or config.aggregate:
            return None
        return config.upstreams[0].name

    def label(self) -> str:
        """What the audit's directory is named after."""
        return self.name or self.upstream or guessed_name(self.command) or DEFAULT_NAME

    def _only_one(self, config: HelioConfig) -> HelioConfig:
        if not config.upstreams:
            hint = "Write the server's command behind `--`, or an `upstream` into helio.yaml."
            raise StartFailed("there is no upstream", hint)
        if len(config.upstreams) > 1 and not config.aggregate:
            raise StartFailed("several upstreams are configured", f"--upstream: {_names(config)}")
        return config

    def _with_command(self, config: HelioConfig) -> HelioConfig:
        program, *args = self.command
        configured = config.upstream
        known: dict[str, object] = {"args": tuple(args)}
        environment = _inherited()
        if configured is not None:
            stdio = configured.transport == "stdio"
            for key in (*_KEPT, *(_KEPT_OF_COMMANDS if stdio else ())):
                known[key] = getattr(configured, key)
            environment |= configured.env
        known["env"] = environment
        upstream = {"transport": "stdio", "command": program}
        changes: dict[str, object] = {"upstream": None, "upstreams": (), "aggregate": False}
        try:
            if self.name is None:
                single = UpstreamConfig.model_validate(upstream)
                changes["upstream"] = single.model_copy(update=known)
            else:
                named = NamedUpstreamConfig.model_validate({**upstream, "name": self.name})
                changes["upstreams"] = (named.model_copy(update=known),)
        except ValidationError as error:
            why = "; ".join(each["msg"] for each in error.errors(include_input=False))
            raise StartFailed(why, "Correct --name or the command.") from None
        return config.model_copy(update=changes)


def guessed_name(command: Sequence[str]) -> str | None:
    """The server's name by its command: `npx -y @scope/server-files /tmp` is `server-files`."""
    names = [part.rstrip("/").rpartition("/")[2] for part in command if not part.startswith("-")]
    if not names or re.sub(r"[\d.]+$", "", names[0]) not in _LAUNCHERS:
        return names[0] if names else None
    started = [name for name in names[1:] if name not in _SUBCOMMANDS]
    return started[0] if started else names[0]


def _names(config: HelioConfig) -> str:
    names = [each.name for each in config.upstreams]
    if config.upstream is not None:
        names.append(DEFAULT_NAME)
    return f"there are {', '.join(names)}." if names else "there is none in helio.yaml."


def _inherited() -> dict[str, SecretStr]:
    """The environment that the client gave to the server in front of which Helio stands; what is
    Helio's own stays here."""
    return {
        name: SecretStr(value)
        for name, value in os.environ.items()
        if not name.startswith("HELIO_")
    }
