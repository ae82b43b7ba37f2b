"""docs/approvals.md holds what it says: the manifest, the configurations, the receiver."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from approvals.channels.asked import approved, asked
from helio.app.reaching import SLACK_PATH
from helio.approvals.channels.attempts import LONGEST_SECONDS, MOST_ATTEMPTS
from helio.approvals.channels.slack_messages import MOST_ARGUMENTS
from helio.approvals.channels.slack_requests import WINDOW_SECONDS
from helio.approvals.channels.webhook import WebhookChannel
from helio.config import parse_config
from helio.errors import NotificationFailed
from processes import choose_free_port, listens

PAGE = (Path(__file__).resolve().parents[2] / "docs/approvals.md").read_text("utf-8")
SECRET = "a-secret-of-a-receiver"
SMALLEST = """
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
listen: { allowed_hosts: [helio.example] }
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def manifest() -> Any:
    return next(yaml.safe_load(each) for each in blocks("yaml") if "oauth_config" in each)


def test_the_manifest_asks_for_what_is_used_and_leads_to_helio() -> None:
    """Slack's reference: chat.postMessage, chat.update and chat.postEphemeral want `chat:write`,
    views.open wants nothing."""
    found = manifest()
    assert found["oauth_config"] == {"scopes": {"bot": ["chat:write"]}}
    interactivity = found["settings"]["interactivity"]
    assert interactivity["is_enabled"] is True
    assert urlsplit(interactivity["request_url"]).path == SLACK_PATH
    assert found["settings"]["socket_mode_enabled"] is False


def test_figures() -> None:
    assert MOST_ATTEMPTS == 5
    assert PAGE.count("five times") == 2
    assert PAGE.count(f"up to {LONGEST_SECONDS:.0f} s") == 2
    assert f"over {MOST_ARGUMENTS:,} characters" in " ".join(PAGE.split())
    assert WINDOW_SECONDS == 300


def test_what_is_shown_is_a_configuration_without_a_fault() -> None:
    shown = [each for each in blocks("yaml") if "channels:" in each]
    assert len(shown) == 3
    for text in shown:
        whole = text if text.startswith("version") else SMALLEST + text
        names = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "a-secret-of-some-length")
        found = parse_config(whole, environment=names, purpose="run")
        assert [each.message for each in found.diagnostics] == []


@asynccontextmanager
async def receiving(directory: Path) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """The receiver of the page as a program: its URL, and what it prints."""
    (receiver,) = [each for each in blocks("python") if "x-helio-signature" in each]
    program = directory / "receiver.py"
    program.write_text(receiver, "utf-8")
    port = choose_free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        str(port),
        env={"HELIO_WEBHOOK_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            while not listens(port):  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}/", process.stdout
    finally:
        process.terminate()
        await process.wait()


async def test_the_receiver_takes_what_helio_signs_and_nothing_else(tmp_path: Path) -> None:
    async with receiving(tmp_path) as (url, printed):
        helio = WebhookChannel("people", url, SECRET)
        await helio.notify(asked(), "requested")
        await helio.notify(asked(), "requested")
        await helio.resolved(approved())
        for stranger in (
            WebhookChannel("people", url, "another-secret"),
            WebhookChannel("people", url, SECRET, now=lambda: 1_000_000_000),
        ):
            with pytest.raises(NotificationFailed, match="answered 401"):
                await stranger.notify(asked(), "escalated")
            await stranger.aclose()
        await helio.notify(asked(), "escalated")
        lines = [(await printed.readline()).decode().strip() for _ in range(3)]
        await helio.aclose()
    assert lines == [
        "approval_requested tkt_1 pending",
        "approval_resolved tkt_1 approved",
        "approval_escalated tkt_1 pending",
    ]


def test_the_event_shown_is_one() -> None:
    (shown,) = (json.loads(each) for each in blocks("json"))
    assert shown["ticket"].keys() <= asked().as_object().keys()
