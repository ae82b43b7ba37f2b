"""`helio hook`: what clients start before and after each use of their own tools.

Above: `helio.cli`. Below: `helio.adapters`. Whatever goes wrong here ends with 2, by which the call
is refused: a client lets calls go on after any other failure of a hook.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer


def register(app: typer.Typer) -> None:
    """Adds the command, with one of its own for each client."""
    hooks = typer.Typer(no_args_is_help=True, help="Govern a client's own tools by its hooks.")
    hooks.command("claude-code")(claude_code)
    app.add_typer(hooks, name="hook")


def claude_code(
    *,
    url: Annotated[
        str | None, typer.Option(help="Helio's SDK port; HELIO_SDK_URL, or http://127.0.0.1:3200.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Whom the calls are recorded for.")] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="A glob of tools to leave alone, such as 'mcp__files__*'."),
    ] = None,
    when_unreachable: Annotated[
        Literal["deny", "ask", "allow"],
        typer.Option(help="What becomes of a call when Helio is out of reach."),
    ] = "deny",
    timeout: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds that Helio may take to answer.")
    ] = 10,
    wait: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds that a person may take to approve.")
    ] = 330,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print what belongs into Claude Code's settings.")
    ] = False,
) -> None:
    """Answer one event of Claude Code's hooks: its JSON on standard input, the reply as documented.

    `PreToolUse` asks Helio, `PostToolUse` and `PostToolUseFailure` tell it how the call ended. The
    token is that of HELIO_ADAPTER_TOKEN. Without a decision the call is refused (exit code 2).
    """
    if settings:
        _print_settings(timeout, wait)
        return
    try:
        from helio.adapters.claude_code import ORIGIN, Hook
        from helio.adapters.client import AdapterClient
        from helio.adapters.kept import KeptEvaluations, state_directory

        kept = KeptEvaluations(state_directory() / "hooks" / ORIGIN)
        client = AdapterClient(url, timeout=timeout)
        hook = Hook(client, kept, tuple(skip or ()), when_unreachable, agent, wait)
        reply = hook.reply(sys.stdin.buffer.read().decode())
    except Exception as error:  # noqa: BLE001 - a crash would let the call go on
        _end(2, "", f"Helio's hook failed, so this may not be done: {error!r}")
    _end(*reply)


def _end(code: int, written: str, errors: str) -> NoReturn:
    if written:
        sys.stdout.write(written + "\n")
    if errors:
        sys.stderr.write(errors + "\n")
    raise typer.Exit(code)


def _print_settings(timeout: float, wait: float) -> None:
    from helio.adapters.claude_code import settings
    from helio.cli import output as out

    script = Path(sys.executable).with_name("helio")
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "helio"]
    arguments = [*command[1:], "hook", "claude-code", "--timeout", f"{timeout:g}"]
    arguments += ["--wait", f"{wait:g}"]
    out.print_json(settings(command[0], arguments, int(3 * timeout + wait) + 10))
