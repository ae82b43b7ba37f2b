"""A stdio server without any library, as a program: what it does is the name of the tool called.

It answers `initialize`, `ping` and `tools/call`, and keeps a counter, so that tests can tell which
process they speak to.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

calls = 0
writing = threading.Lock()


def say(message: object) -> None:
    line = message if isinstance(message, str) else json.dumps(message)
    with writing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def notify(method: str, **params: object) -> None:
    say({"jsonrpc": "2.0", "method": method, "params": params})


def answer(identifier: object, **result: object) -> None:
    say({"jsonrpc": "2.0", "id": identifier, "result": result})


def refuse(identifier: object, code: int) -> None:
    say({"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": "no"}})


def call(identifier: object, tool: str, arguments: dict, meta: dict) -> None:  # noqa: PLR0912
    global calls  # noqa: PLW0603
    calls += 1
    match tool:
        case "echo":
            answer(identifier, arguments=arguments, pid=os.getpid(), calls=calls)
        case "environment":
            answer(identifier, environment=dict(os.environ), cwd=os.getcwd())  # noqa: PTH109
        case "sized":
            answer(identifier, text="x" * arguments["size"])
        case "flood":
            for number in range(arguments["count"]):
                notify("notifications/message", level="info", data="y" * 1000, number=number)
            answer(identifier, flooded=True)
        case "progress":
            for step in range(arguments["steps"]):
                notify("notifications/progress", progressToken=meta["progressToken"], progress=step)
            answer(identifier, done=True)
        case "late":
            time.sleep(arguments["seconds"])
            answer(identifier, late=True)
        case "ask":
            say({"jsonrpc": "2.0", "id": "question", "method": "roots/list", "params": {}})
            reply = json.loads(sys.stdin.readline())
            answer(identifier, reply=reply)
        case "exit":
            sys.stderr.write(arguments.get("last_words", ""))
            sys.stderr.flush()
            os._exit(arguments.get("code", 3))
        case "garbage":
            say("this is no message")
            say("[1, 2]")
            answer(identifier, done=True)
        case "complain":
            sys.stderr.write(arguments["text"])
            sys.stderr.flush()
            answer(identifier, done=True)
        case "spawn":
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _STUBBORN], stdin=subprocess.DEVNULL
            )
            answer(identifier, pid=child.pid)
        case "hang":
            pass


_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def serve() -> None:
    while line := sys.stdin.readline():
        message = json.loads(line)
        params = message.get("params") or {}
        match message.get("method"):
            case "initialize" if "--modern" in sys.argv:
                refuse(message["id"], -32601)
            case "server/discover" if "--modern" in sys.argv:
                answer(message["id"], supportedVersions=["2026-07-28"], capabilities={})
            case "server/discover" if "--refusing" in sys.argv:
                refuse(message["id"], -32601)
            case "initialize":
                answer(
                    message["id"],
                    protocolVersion=params["protocolVersion"],
                    capabilities={},
                    serverInfo={"name": "scripted", "version": "1", "pid": os.getpid()},
                )
            case "ping":
                answer(message["id"])
            case "tools/call":
                work = (message["id"], params["name"], params.get("arguments") or {})
                meta = params.get("_meta") or {}
                if params["name"] == "late":
                    threading.Thread(target=call, args=(*work, meta), daemon=True).start()
                else:
                    call(*work, meta)
            case "notifications/cancelled":
                notify("notifications/message", level="info", data={"cancelled": params})


if __name__ == "__main__":
    if "--stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--failing" in sys.argv:
        sys.exit(7)
    serve()
    if "--stubborn" in sys.argv:
        time.sleep(600)
