"""An agent that reads what a blocked call is told as a model would, and does just that."""

import re
from dataclasses import dataclass, field
from typing import Any

from runtime.simulation import Simulation

ADVICE = (
    ("wait", re.compile(r"The same call can pass from (\S+) on[.,]")),
    ("pause", re.compile(r"Try again in a few seconds\.")),
    ("shrink", re.compile(r"No wait helps: (?:use|one call may take) at most ([\d.]+) ")),
    ("amount", re.compile(r"Send `\$\.(\w+)` as one JSON number that is not negative\.")),
    ("header", re.compile(r"Send one of these headers: ([\w-]+)")),
    ("say", re.compile(r"Send `\$\.(\w+)` in this call\.")),
    ("call", re.compile(r"Call (.+) before retrying\.")),
)
STEP = re.compile(r"(?P<tool>\S+?)(?: with (?P<pairs>`.+`))?")
PAIR = re.compile(r"`\$\.(\w+)` equal to this call's `\$\.(\w+)`")


class NoAdvice(AssertionError):
    """The text says nothing that an agent could do."""


@dataclass
class Agent:
    """One agent in one Helio. `followed` is what it did, in the words of `ADVICE`."""

    helio: Simulation
    tool: str
    arguments: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    followed: list[str] = field(default_factory=list)

    async def try_once(self) -> Any:
        """The message that answers its call, as it stands now."""
        return await self.helio.call(self.tool, self.arguments, self.headers)

    async def obey(self, message: Any) -> None:
        """Does what the text of a block says. Raises `NoAdvice`."""
        text = text_of(message)
        found = [(word, match) for word, sign in ADVICE for match in sign.finditer(text)]
        if not found:
            raise NoAdvice(text)
        for word, match in found:
            self.followed.append(word)
            match word:
                case "wait":
                    self.helio.wait_until(match[1])
                case "pause":
                    self.helio.wait(5)
                case "shrink":
                    self.arguments["amount"] = float(match[1])
                case "amount":
                    self.arguments[match[1]] = 1
                case "say":
                    self.arguments[match[1]] = 7
                case "header":
                    self.headers[match[1]] = "a-session-of-mine"
                case "call":
                    await self._call_others(match[1])

    async def _call_others(self, steps: str) -> None:
        for step in steps.split(", then "):
            match = STEP.fullmatch(step)
            if match is None:
                raise NoAdvice(step)
            pairs = PAIR.findall(match["pairs"] or "")
            arguments = {there: self.arguments[here] for there, here in pairs}
            answer = await self.helio.call(match["tool"], arguments, self.headers)
            assert reason(answer) is None, text_of(answer)


def told(message: Any) -> Any:
    """The object of a blocked call in either form; None for one that was not blocked."""
    if "error" in message:
        return message["error"]["data"]
    return message["result"].get("_meta", {}).get("helio/blocked")


def reason(message: Any) -> str | None:
    """Why a call was blocked; None for one that was not."""
    block = told(message)
    return None if block is None else str(block["reason"])


def text_of(message: Any) -> str:
    """All that a model is shown."""
    if "error" in message:
        return str(message["error"]["message"])
    return " ".join(part["text"] for part in message["result"]["content"])
