"""The operator port of a running Helio, as commands ask it.

Above: `approvals_asked`. Below: `http.client`, `helio.config` (where the port is, and its secret).
The secret goes to the address that was named and nowhere else: redirections and proxies are not
followed.
"""

import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from helio.cli.approvals import SECRET_VARIABLE, URL_VARIABLE
from helio.cli.output import fail

if TYPE_CHECKING:
    from helio.config import LoadedConfig
    from helio.config.sections import DashboardConfig

_TIMEOUT_SECONDS = 10.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104 - not bound


class Number(str):
    """A JSON number as it came, with all its digits."""

    __slots__ = ()


class PortUnreachable(Exception):
    """Nothing that is a Helio answers. The text says why; `hint` what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Answer:
    """What the port answers: the status, the body as it came, and read."""

    status: int
    body: bytes
    value: Any

    @property
    def error(self) -> str:
        """Why it does not do what it was asked."""
        return str(self.value.get("error", f"status {self.status}"))


@dataclass(frozen=True, slots=True)
class OperatorPort:
    """Where it is, and the secret; None in open mode."""

    url: str
    secret: str | None

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """One request. Raises `PortUnreachable`, also when the secret is wrong."""
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        headers = {"accept": "application/json"}
        if self.secret is not None:
            headers["authorization"] = f"Bearer {self.secret}"
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body).encode()
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, parts.path.rstrip("/") + path, content, headers)
            answer = connection.getresponse()
            return self._read(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise PortUnreachable(
                f"no Helio answers at {self.url}: {error or type(error).__name__}",
                "`helio start` starts one; --url names the operator port of another",
            ) from error
        finally:
            connection.close()

    def _read(self, status: int, body: bytes) -> Answer:
        try:
            value = json.loads(body, parse_float=Number, parse_int=Number)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise PortUnreachable(
                f"what answers at {self.url} is no operator port of a Helio (status {status})",
                "the operator port is `dashboard.port`, 3100 unless the configuration says more",
            )
        if status in (401, 403, 429):
            raise PortUnreachable(
                f"the Helio at {self.url} refuses: {value.get('error')}",
                f"the secret is `dashboard.api_secret`; --secret or {SECRET_VARIABLE} gives one",
            )
        return Answer(status, body, value)


def located(config: Path, url: str | None, secret: str | None) -> OperatorPort:
    """The port that options, variables or else the configuration name. Ends the command when they
    do not suffice."""
    if url is None:
        loaded = _loaded(config)
        return OperatorPort(_url(config, loaded), secret or _secret(config, loaded))
    checked = _checked(url)
    if secret is None and not _is_local(checked):
        fail(
            f"{checked} asks for its secret",
            f"--secret or {SECRET_VARIABLE} gives it: the configuration's stays here",
        )
    return OperatorPort(checked, secret or _secret(config, _loaded(config)))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        fail(f"--url {url}: is no URL", "for example http://127.0.0.1:3100")
    if parts.scheme == "http" and not _is_local(url):
        typer.echo("note: the secret travels unencrypted; https would hide it", err=True)
    return url.rstrip("/")


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def _loaded(config: Path) -> "LoadedConfig":
    from helio.config import load_config

    try:
        return load_config(config, environment=os.environ, purpose="compile", needs_upstream=False)
    except OSError as error:
        fail(
            f"{config}: {error.strerror or error}",
            f"--url and --secret, or {URL_VARIABLE} and {SECRET_VARIABLE}, need no configuration",
        )


def _dashboard(config: Path, loaded: "LoadedConfig") -> "DashboardConfig":
    if loaded.config is None:
        fail(f"{config} has faults", f"`helio compile {config}` says which")
    return loaded.config.dashboard


def _url(config: Path, loaded: "LoadedConfig") -> str:
    """Where a configuration has Helio listen."""
    dashboard = _dashboard(config, loaded)
    if not dashboard.enabled:
        fail(f"{config} switches the operator port off", "`dashboard.enabled: true` opens it")
    if dashboard.port == 0:
        fail(f"{config} leaves the choice of a port to the start", "--url says where Helio is")
    host = _UNSPECIFIED.get(dashboard.host, dashboard.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{dashboard.port}"


def _secret(config: Path, loaded: "LoadedConfig") -> str | None:
    """The secret that a configuration names; None in open mode."""
    dashboard = _dashboard(config, loaded)
    for name in _unset(loaded):
        fail(
            f"{config} takes the secret from {name}, which is not set",
            f"set it, or give the secret by --secret or {SECRET_VARIABLE}",
        )
    if dashboard.api_secret is not None:
        return dashboard.api_secret.get_secret_value()
    if not dashboard.allow_open_mode:
        fail(
            f"{config} names no secret: `helio start` made one and printed it",
            f"--secret or {SECRET_VARIABLE} gives it; `dashboard.api_secret` sets one for good",
        )
    return None


def _unset(loaded: "LoadedConfig") -> list[str]:
    """The variables that the secret is made of, and that are not set."""
    from helio.diagnostics import Interpolated, Mapping, Scalar

    section = None if loaded.root is None else loaded.root.get("dashboard")
    node = section.get("api_secret") if isinstance(section, Mapping) else None
    value = node.value if isinstance(node, Scalar) else None
    return list(value.unset) if isinstance(value, Interpolated) else []
