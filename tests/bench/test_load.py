"""The load generator, the echo server and the pass-through, as the processes that they are."""

import http.client
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from helio.bench.load import Order
from helio.bench.load_profile import ANSWER_TEXT, Traffic, bodies, proxy_tools
from helio.bench.processes import Child, choose_port, running


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def echo_port(directory: Path) -> Iterator[int]:
    with running("echo", ["-m", "helio.bench.echo"], directory) as child:
        yield int(child.read_line(20))


@pytest.fixture(scope="module")
def passthrough_port(directory: Path, echo_port: int) -> Iterator[int]:
    arguments = ["-m", "helio.bench.passthrough", f"http://127.0.0.1:{echo_port}/mcp"]
    with running("passthrough", arguments, directory) as child:
        yield int(child.read_line(20))


@pytest.fixture(scope="module")
def generator(directory: Path) -> Iterator[Child]:
    with running("load", ["-m", "helio.bench.load"], directory) as child:
        yield child


def carried_out(
    generator: Child, port: int, connections: int, traffic: Traffic = "passing"
) -> dict[str, Any]:
    order = Order(port, connections, seconds=0.1, warm_up=0.02, traffic=traffic)
    generator.write_line(orjson.dumps(asdict(order)))
    result: dict[str, Any] = orjson.loads(generator.read_line(20))
    return result


@pytest.mark.parametrize("connections", [1, 8])
def test_a_direct_run(generator: Child, echo_port: int, connections: int) -> None:
    result = carried_out(generator, echo_port, connections)
    assert 0 < result["requests"] <= result["calls"]
    assert 0.09 <= result["seconds"] < 2
    assert 0 < result["p50_ms"] <= result["p99_ms"]


def test_a_run_through_the_passthrough(generator: Child, passthrough_port: int) -> None:
    assert carried_out(generator, passthrough_port, 2)["requests"] > 0


def test_an_answer_of_the_wrong_kind_fails_the_run(generator: Child, echo_port: int) -> None:
    result = carried_out(generator, echo_port, 2, "denied")
    assert result["failed"].startswith("WrongAnswer: HTTP 200")
    assert carried_out(generator, echo_port, 1)["requests"] > 0


def test_a_server_that_is_not_there_fails_the_run(generator: Child) -> None:
    result = carried_out(generator, choose_port(), 1)
    assert "ConnectionRefusedError" in result["failed"]


def post(port: int, body: bytes, method: str = "POST") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, "/mcp", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_echo_server_answers_calls_with_their_id(echo_port: int) -> None:
    call = bodies("passing", 3)[2]
    status, body = post(echo_port, call)
    answer = orjson.loads(body)
    assert status == 200
    assert answer["id"] == orjson.loads(call)["id"]
    assert answer["result"]["content"][0]["text"] == ANSWER_TEXT


def test_the_echo_server_lists_the_tools_of_the_workload(echo_port: int) -> None:
    _, body = post(echo_port, b'{"jsonrpc":"2.0","id":"a","method":"tools/list"}')
    listed = orjson.loads(body)["result"]["tools"]
    assert [tool["name"] for tool in listed] == [tool.name for tool in proxy_tools()]


def test_the_echo_server_has_no_stream_and_takes_notifications(echo_port: int) -> None:
    assert post(echo_port, b"", "GET")[0] == 405
    notification = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    assert post(echo_port, notification)[0] == 202


def test_the_passthrough_passes_bodies_as_they_are(echo_port: int, passthrough_port: int) -> None:
    call = bodies("passing", 1)[0]
    assert post(passthrough_port, call) == post(echo_port, call)
