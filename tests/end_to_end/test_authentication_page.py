"""What docs/authentication.md shows works, step by step."""

import io
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import pytest
from mcp.shared.exceptions import MCPError

from end_to_end.pairs import running_sdk_server
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "authentication.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


(MAKE_TOKENS,) = blocks("sh")
CALL, MAKE_KEYS, SIGN = blocks("python")
CLIENT = compile(CALL, "docs/authentication.md", "exec")
BEARER, JWT, KEYS_URL = blocks("yaml")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sdk_server(tmp_path_factory.mktemp("authentication-page")) as url:
        yield url


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, check=False, capture_output=True, text=True, timeout=60, cwd=cwd
    )


def call(helio: HelioProcess, token: str) -> str:
    """What the page's client prints, or that it was stopped. It runs in this process, because it
    takes long to load its library.
    """
    printed = io.StringIO()
    with redirect_stdout(printed), mock.patch.object(sys, "argv", ["-c", helio.mcp_url, token]):
        try:
            exec(CLIENT, {"__name__": "__main__"})  # noqa: S102 - the page's
        except* MCPError:
            printed = io.StringIO("refused")
    return printed.getvalue().strip()


def refused(url: str, **headers: str) -> tuple[int, str]:
    """Status and challenge of a request that is not let in."""
    asked = urllib.request.Request(
        url, b"{}", {"content-type": "application/json", **headers}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(asked, timeout=10)
    error.value.close()
    return error.value.code, error.value.headers["www-authenticate"]


def test_bearer_tokens_from_nothing(helio: HelioFactory, server: str) -> None:
    made = run("sh", "-c", f"{MAKE_TOKENS}\necho $DESK_TOKEN $TILL_TOKEN")
    desk, till = made.stdout.split()
    running = helio(
        BEARER.replace("http://localhost:8080/mcp", server),
        upstream=server,
        environment={"DESK_TOKEN": desk, "TILL_TOKEN": till},
    )
    alone = run(sys.executable, "-c", CALL, running.mcp_url, desk)
    assert (alone.returncode, alone.stdout) == (0, "answer hello\n"), alone.stderr
    assert call(running, till) == "answer hello"
    assert call(running, "0" * 64) == "refused"
    assert refused(running.mcp_url) == (401, 'Bearer realm="helio"')
    wrong = refused(running.mcp_url, authorization=f"Bearer {desk[:-1]}")
    assert wrong == (401, 'Bearer realm="helio", error="invalid_token"')
    for _ in range(8):
        call(running, desk)
    rows = running.calls()
    assert {row["agent_id"] for row in rows} == {"desk", "till"}
    assert call(running, desk) == "answer hello"
    assert call(running, desk).startswith("error")
    assert call(running, till) == "answer hello"
    assert [row["agent_id"] for row in running.calls("--decision", "rate_limited")] == ["desk"]
    running.stop()
    written = [path.read_bytes() for path in running.directory.rglob("*") if path.is_file()]
    assert not any(token.encode() in text for token in (desk, till) for text in written)


def test_signed_tokens_from_nothing(helio: HelioFactory, server: str, tmp_path: Path) -> None:
    issuer = tmp_path / "issuer"
    issuer.mkdir()
    made = run(sys.executable, "-c", MAKE_KEYS, cwd=issuer)
    assert made.returncode == 0, made.stderr

    def signed(agent: str) -> str:
        return run(sys.executable, "-c", SIGN, agent, cwd=issuer).stdout.strip()

    desk, till = signed("desk"), signed("till")
    keys = issuer / "keys.json"
    running = helio(
        JWT.replace("http://localhost:8080/mcp", server).replace("keys.json", str(keys)),
        upstream=server,
    )
    assert call(running, desk) == "answer hello"
    assert call(running, till).startswith("error Blocked")
    status, challenge = refused(running.mcp_url, authorization=f"Bearer {desk[:-9]}")
    assert status == 401
    found = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert found is not None
    with urllib.request.urlopen(found[1], timeout=10) as answer:
        told = answer.read().decode()
    assert running.mcp_url in told
    assert "https://id.example" in told
    assert {row["agent_id"] for row in running.calls()} == {"desk", "till"}
    # Other keys in the file: what was signed by the old ones counts no longer.
    assert run(sys.executable, "-c", MAKE_KEYS, cwd=issuer).returncode == 0
    other = signed("desk")
    deadline = time.monotonic() + 20
    while call(running, other) != "answer hello":
        assert time.monotonic() < deadline
    assert call(running, desk) == "refused"
    running.stop()
    written = [path.read_bytes() for path in running.directory.rglob("*") if path.is_file()]
    assert not any(part.encode() in text for part in desk.split(".")[1:] for text in written)


def test_the_configuration_with_a_url_compiles_without_a_warning(tmp_path: Path) -> None:
    config = tmp_path / "helio.yaml"
    config.write_text(KEYS_URL, "utf-8")
    compiled = run(sys.executable, "-m", "helio", "compile", "--strict", "-c", str(config))
    assert compiled.returncode == 0, compiled.stderr


def test_a_start_without_the_file_of_keys_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "helio.yaml"
    ports = "listen: { port: 0 }\ndashboard: { port: 0 }\nsdk: { port: 0 }\n"
    config.write_text(JWT + ports, "utf-8")
    started = run(sys.executable, "-m", "helio", "start", "-c", str(config))
    assert started.returncode == 2
    assert "keys.json" in started.stderr
    assert "auth.jwks_file" in started.stderr
