"""Judges recorded calls by another policy while Helio serves: `helio replay` in its own process.

Above: `helio.app.application`. Below: `helio.operator.replaying`. The process is the last in turn
for the processor, and ends with the question: it reads the journal anew, and no call waits for it.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from helio.app.findings import Findings
from helio.evaluator import Redactor
from helio.operator.faults import Refused
from helio.operator.replaying import Told

LONGEST_SECONDS: Final = 600.0
"""How long judging may take."""
_FILE: Final = "policy.yaml"
_SAYS: Final = "helio replay: "
"""What its lines about how far it is begin with."""
_NEEDED: Final = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""What a policy that somebody sent may know of the environment: nothing that is worth stealing."""
_FINDINGS: Final = 1
_LONGEST_LINE: Final = 1024 * 1024
_LAST_IN_TURN: Final = 15
_MOST_TOLD: Final = 20_000
"""Characters of what is wrong with a policy that are told."""


class Replaying:
    """Replays the audit in `directory`; `findings` tell which file the configuration is."""

    def __init__(
        self,
        directory: Path,
        findings: Findings,
        redactor: Redactor,
        seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._directory = directory
        self._findings = findings
        self._redactor = redactor
        self._seconds = seconds

    async def judge(self, policy: str | None, since: str, told: Told) -> bytes:
        """As `helio.operator.replaying.Judge` has it."""
        file = self._findings.file
        if policy is None and file is None:
            raise Refused(400, "policy: is missing, and this Helio has no file")
        with _place(policy) as place:
            tried = str(file if policy is None else _FILE)
            # `-P`: what lies in the directory is none of its modules.
            command = [sys.executable, "-P", "-m", "helio", "replay", "-f", "json", "-p", tried]
            command += ["--audit-path", str(self._directory.absolute()), "--since", since]
            command += [] if file is None else ["-c", str(file)]
            environment = dict(os.environ) if policy is None else _environment()
            return await self._ended(command, place, environment, told)

    async def _ended(
        self, command: list[str], place: str, environment: Mapping[str, str], told: Told
    ) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=place,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        try:
            _last_in_turn(process)
            async with asyncio.timeout(self._seconds):
                report, said = await asyncio.gather(
                    _all_of(process.stdout), self._lines(process.stderr, told)
                )
                await process.wait()
        except TimeoutError:
            text = f"this takes more than {self._seconds:g} s: ask for less, or use `helio replay`"
            raise Refused(503, text) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == 0:
            return report
        if process.returncode == _FINDINGS:
            raise Refused(400, "the policy has faults", more={"text": said})
        raise Refused(503, "the calls could not be judged", more={"text": said})

    async def _lines(self, stream: asyncio.StreamReader | None, told: Told) -> str:
        """All that is said there, without secrets; of how far it is `told` hears at once."""
        said = ""
        while stream is not None and (line := await stream.readline()):
            text = self._redactor.text(line.decode(errors="replace"))
            if text.startswith(_SAYS):
                told(text.removeprefix(_SAYS).strip())
            said = (said + text)[:_MOST_TOLD]
        return said


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    return b"" if stream is None else await stream.read()


@contextlib.contextmanager
def _place(policy: str | None) -> Iterator[str]:
    """A directory with nothing but the policy that is tried."""
    with TemporaryDirectory(prefix="helio-replay-") as place:
        if policy is not None:
            (Path(place) / _FILE).write_text(policy, "utf-8")
        yield place


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}


def _last_in_turn(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # It ended on its own.
        os.setpriority(os.PRIO_PROCESS, process.pid, _LAST_IN_TURN)
