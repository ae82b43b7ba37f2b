"""The two policies of `helio diff`: from files, or from git's revisions of them.

Above: `diff`. Below: `candidate`, `helio.policy.difference`, the `git` command.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from helio.cli import output
from helio.cli.candidate import compiled_or_ended, loaded_for_trying
from helio.cli.interpolated import Sources, sources
from helio.config import HelioConfig, LoadedConfig, parse_config
from helio.config.channels import ChannelConfig
from helio.errors import ProgrammingError
from helio.evaluator import GraphError
from helio.policy import CompiledPolicy
from helio.policy.difference import ApprovalTerms, Conduct, Side

_WAITED = 30


class Compared(NamedTuple):
    """One of the two: `name` is how it was called, `sources` what came from the environment."""

    name: str
    side: Side
    sources: Sources


def compared(old: str, new: str) -> tuple[Compared, Compared]:
    """Both policies. Ends the command, with every fault, when one is not valid or not there."""
    return _read(old), _read(new)


def _read(name: str) -> Compared:
    revision, found, path = name.partition(":")
    if Path(name).is_file() or not found or not revision or not path:
        return _from_file(name)
    return _from_text(name, _shown_by_git(name))


def _from_file(name: str) -> Compared:
    path = Path(name)
    try:
        with path.open("rb") as file:
            is_graph = file.read(1) == b"{"
            text = b"{" + file.read() if is_graph else b""
    except OSError as error:
        output.unreadable(path, error)
    return _of_graph(name, text) if is_graph else _of(name, loaded_for_trying(path))


def _from_text(name: str, text: bytes) -> Compared:
    if text.startswith(b"{"):
        return _of_graph(name, text)
    try:
        written = text.decode()
    except UnicodeDecodeError as error:
        output.fail(f"{name}: not UTF-8 ({error.reason})")
    loaded = parse_config(
        written, name, environment=os.environ, purpose="compile", needs_upstream=False
    )
    return _of(name, loaded)


def _of(name: str, loaded: LoadedConfig) -> Compared:
    policy = compiled_or_ended(loaded)
    config = loaded.config
    if config is None:
        raise ProgrammingError("a policy without its configuration")
    conduct = Conduct(config.session.on_unresolved, config.audit.on_failure)
    side = Side(policy, _terms(config), conduct=conduct)
    return Compared(name, side, sources(loaded.root))


def _of_graph(name: str, text: bytes) -> Compared:
    try:
        return Compared(name, Side(CompiledPolicy.from_graph(text)), {})
    except GraphError as error:
        output.fail(f"{name}: {error}", "`helio compile -o` writes such files")


def _terms(config: HelioConfig) -> ApprovalTerms:
    approval = config.approval
    return ApprovalTerms(
        int(approval.timeout),
        int(approval.grant_ttl),
        approval.default_on_timeout,
        approval.mode,
        _channels(approval.channels),
    )


def _channels(channels: tuple[ChannelConfig, ...]) -> tuple[tuple[str, str], ...]:
    """The dashboard is always there, and is asked alone where nobody else is."""
    told = {each.label: _who(each) for each in channels}
    return tuple(told.items()) or (("dashboard", "dashboard"),)


def _who(channel: ChannelConfig) -> str:
    """Who is told, and who may answer; never what is secret."""
    to = f" in {channel.channel}" if channel.channel else ""
    by = f" (answered by {' or '.join(sorted(channel.approvers))})" if channel.approvers else ""
    return f"{channel.label}{to}{by}"


def _shown_by_git(name: str) -> bytes:
    """The text of a file in a revision; git takes paths from the top, or from here with `./`."""
    command = ["git", "show", "--end-of-options", name]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and an option is not taken for one
            command, capture_output=True, check=False, timeout=_WAITED
        )
    except FileNotFoundError:
        output.fail(f"{name}: there is no such file, and no git to ask for a revision")
    except subprocess.TimeoutExpired:
        output.fail(f"{name}: git did not answer within {_WAITED} s")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        hint = "REVISION:PATH from the top of the repository, as in main:helio.yaml"
        output.fail(f"{name}: there is no such file, and git says: {said}", hint)
    return done.stdout
