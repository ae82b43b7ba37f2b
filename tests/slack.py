"""A stand-in for Slack: its Web API as documented, and the people in a workspace.

It keeps what an app posts, checks it as Slack does (tokens, shapes, lengths), and plays members who
click: signed `block_actions` and `view_submission` payloads in the documented form, sent to the
app's request URL. Faults are queued (`trouble`): what is next answered instead.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from slack_blocks import SlackFault, check_blocks, check_text, check_view

PATIENCE = 20.0
"""Seconds until something that should have come is missed."""
ACKNOWLEDGED_WITHIN = 3.0
"""How long Slack waits for an app's answer to an interaction."""


@dataclass
class Message:
    """One message of a channel, as it is now."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    updates: int = 0

    def elements(self) -> list[dict[str, Any]]:
        """The buttons."""
        rows = [block["elements"] for block in self.blocks if block["type"] == "actions"]
        return [element for row in rows for element in row]

    def shown(self) -> str:
        """All that a reader sees, as plain text."""
        return "\n".join(_texts(self.blocks))


@dataclass(frozen=True)
class Member:
    """A person of the workspace."""

    id: str
    name: str


@dataclass
class Slack:
    """One workspace with one app in it. `messages` is what the channels hold, oldest first."""

    bot_token: str = "xoxb-0000-a-token-of-the-stand-in"
    signing_secret: str = "8f742231b10e8888abcd99yyyzzz85a5"
    channels: Mapping[str, str] = field(default_factory=lambda: {"C0APPROVALS": "approvals"})
    request_url: str = ""
    messages: list[Message] = field(default_factory=list)
    ephemerals: list[tuple[str, str]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    called: Counter[str] = field(default_factory=Counter)
    trouble: deque[web.Response | Callable[[], None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._triggers: dict[str, float] = {}
        self._news = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._faults: list[str] = []

    async def __aenter__(self) -> "Slack":
        app = web.Application()
        app.router.add_post("/api/{method}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        assert self._faults == [], "the app sent what Slack refuses"

    @property
    def api_url(self) -> str:
        """Where the app finds the Web API."""
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/"

    async def until(self, holds: Callable[[], object]) -> None:
        """Waits until the app did something."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def message(self, number: int = 0) -> Message:
        """A message of the channels, once it is there."""
        await self.until(lambda: len(self.messages) > number)
        return self.messages[number]

    # people

    async def click(self, member: Member, message: Message, action_id: str) -> int:
        """A member clicks a button of a message; the status of the app's answer."""
        found = [each for each in message.elements() if each["action_id"] == action_id]
        assert len(found) == 1, f"the message has no button {action_id}: {message.blocks}"
        payload = self.block_actions(member, message, found[0])
        return (await self.send(payload))[0]

    async def submit(self, member: Member, view: Mapping[str, Any], **values: str) -> Any:
        """A member sends a modal, each value by its action's id; what the app answers."""
        status, answer = await self.send(self.view_submission(member, view, values))
        assert status == 200, answer
        return json.loads(answer) if answer else None

    async def send(self, payload: Mapping[str, Any]) -> tuple[int, str]:
        """Sends an interaction as Slack does, signed; status and body of the answer."""
        body = self.body(payload)
        return await self.post(body, self.signed(body))

    @staticmethod
    def body(payload: Mapping[str, Any]) -> bytes:
        """An interaction's payload as the body of a request."""
        return urlencode({"payload": json.dumps(payload)}).encode()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Sends bytes to the app's request URL, with these headers and nothing else of Slack's."""
        timeout = aiohttp.ClientTimeout(total=ACKNOWLEDGED_WITHIN)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(self.request_url, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """The headers of a request of Slack's ("Verifying requests from Slack")."""
        timestamp = str(int(time.time() if at is None else at))
        base = b"v0:" + timestamp.encode() + b":" + body
        digest = hmac.new(self.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return {
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "accept": "application/json,*/*",
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": f"v0={digest}",
        }

    def block_actions(
        self, member: Member, message: Message, element: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The payload of a click."""
        row = next(
            block
            for block in message.blocks
            if block["type"] == "actions" and element in block["elements"]
        )
        return {
            "type": "block_actions",
            "user": self._user(member),
            "api_app_id": "A02",
            "token": "Shh_its_a_seekrit",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": False,
            },
            "trigger_id": self._trigger(),
            "team": {"id": "T0001", "domain": "stand-in"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": message.channel, "name": self.channels[message.channel]},
            "message": {
                "type": "message",
                "user": "U0HELIO",
                "ts": message.ts,
                "bot_id": "B01",
                "text": message.text,
                "team": "T0001",
                "blocks": message.blocks,
            },
            "state": {"values": {}},
            "response_url": f"{self.api_url}actions/T0001/1/{next(self._numbers)}",
            "actions": [
                {
                    "action_id": element["action_id"],
                    "block_id": row["block_id"],
                    "text": element["text"],
                    "value": element["value"],
                    "type": "button",
                    "action_ts": f"{time.time():.6f}",
                }
            ],
        }

    def view_submission(
        self, member: Member, view: Mapping[str, Any], values: Mapping[str, str]
    ) -> dict[str, Any]:
        """The payload of a modal that is sent."""
        inputs = [block for block in view["blocks"] if block["type"] == "input"]
        state = {
            block["block_id"]: {
                block["element"]["action_id"]: {
                    "type": block["element"]["type"],
                    "value": values.get(block["element"]["action_id"]),
                }
            }
            for block in inputs
        }
        return {
            "type": "view_submission",
            "team": {"id": "T0001", "domain": "stand-in"},
            "user": self._user(member),
            "api_app_id": "A02",
            "token": "Shh_its_a_seekrit",
            "trigger_id": self._trigger(),
            "view": {**view, "state": {"values": state}},
            "response_urls": [],
            "is_enterprise_install": False,
            "enterprise": None,
        }

    def _user(self, member: Member) -> dict[str, str]:
        return {
            "id": member.id,
            "username": member.name,
            "name": member.name,
            "team_id": "T0001",
        }

    def _trigger(self) -> str:
        trigger = f"12466734323.{next(self._numbers)}.a-trigger"
        self._triggers[trigger] = time.monotonic() + ACKNOWLEDGED_WITHIN
        return trigger

    # the Web API

    async def _serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.called[method] += 1
        try:
            if self.trouble:
                trouble = self.trouble.popleft()
                if isinstance(trouble, web.Response):
                    return trouble
                trouble()
            answer = self._answer(method, request, await _arguments(request))
        except SlackFault as fault:
            if str(fault).startswith("invalid_"):
                self._faults.append(f"{method}: {fault}")
            answer = {"error": str(fault)}
        finally:
            self._news.set()
        return web.json_response({"ok": "error" not in answer, **answer})

    def _answer(
        self, method: str, request: web.Request, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        if "authorization" not in request.headers:
            raise SlackFault("not_authed")
        if request.headers["authorization"] != f"Bearer {self.bot_token}":
            # What an operator may get wrong; not a fault of the app.
            return {"error": "invalid_auth"}
        match method:
            case "chat.postMessage":
                return self._post_message(arguments)
            case "chat.update":
                return self._update(arguments)
            case "chat.postEphemeral":
                self._channel(arguments)
                check_text(arguments["text"])
                self.ephemerals.append((arguments["user"], arguments["text"]))
                return {"message_ts": self._ts()}
            case "views.open":
                return self._open(arguments)
            case _:
                raise SlackFault("unknown_method")

    def _post_message(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments)
        check_text(arguments["text"])
        check_blocks(arguments["blocks"])
        message = Message(channel, self._ts(), arguments["text"], arguments["blocks"])
        self.messages.append(message)
        return {"channel": channel, "ts": message.ts, "message": {"ts": message.ts}}

    def _update(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["channel"] not in self.channels:
            # Unlike chat.postMessage, this takes no names.
            raise SlackFault("channel_not_found")
        check_text(arguments["text"])
        check_blocks(arguments["blocks"])
        for message in self.messages:
            if (message.channel, message.ts) == (arguments["channel"], arguments["ts"]):
                message.text, message.blocks = arguments["text"], arguments["blocks"]
                message.updates += 1
                return {"channel": message.channel, "ts": message.ts, "text": message.text}
        raise SlackFault("message_not_found")

    def _open(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        deadline = self._triggers.pop(arguments["trigger_id"], None)
        if deadline is None:
            raise SlackFault("exchanged_trigger_id")
        if time.monotonic() > deadline:
            raise SlackFault("expired_trigger_id")
        check_view(arguments["view"])
        view = {
            **arguments["view"],
            "id": f"V{next(self._numbers):08}",
            "team_id": "T0001",
            "app_id": "A02",
            "bot_id": "B01",
            "hash": "156772938.1827394",
        }
        self.views.append(view)
        return {"view": view}

    def _channel(self, arguments: Mapping[str, Any]) -> str:
        for identifier, name in self.channels.items():
            if arguments["channel"] in (identifier, name, f"#{name}"):
                return identifier
        raise SlackFault("channel_not_found")

    def _ts(self) -> str:
        return f"{int(time.time())}.{next(self._numbers):06}"


def rate_limited(seconds: int) -> web.Response:
    """What Slack answers to who asks too often."""
    return web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"retry-after": str(seconds)}
    )


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    if request.content_type != "application/x-www-form-urlencoded":
        raise SlackFault("invalid_post_type")
    form = await request.post()
    return {
        key: json.loads(str(value)) if key in ("blocks", "view") else value
        for key, value in form.items()
    }


def _texts(value: Any) -> list[str]:
    """Every text of a structure, in reading order; of a date what stands for it."""
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if not isinstance(value, dict):
        return []
    if value.get("type") == "date":
        return [value["fallback"]]
    if isinstance(value.get("text"), str):
        return [value["text"]]
    return [
        text for key in ("text", "label", "elements", "element") for text in _texts(value.get(key))
    ]
