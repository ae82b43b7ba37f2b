"""`helio compile`, alias `validate`: checks a configuration and writes its rule graph.

Above: `helio.cli`. Below: `helio.policy`. Exit codes: 0 fine, 1 findings, 2 usage or I/O.
"""

import gc
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from helio.policy import Compiled
    from helio.policy.tool_types import KnownTools

Format = Literal["text", "json", "sarif", "github"]


def register(app: typer.Typer) -> None:
    """Adds the command and its alias."""
    app.command("compile")(compile_command)
    app.command("validate", help="The same as `helio compile`.")(compile_command)


def compile_command(
    file: Annotated[
        Path | None, typer.Argument(help="The configuration.", show_default="helio.yaml")
    ] = None,
    config: Annotated[
        Path, typer.Option("-c", "--config", help="The configuration, as an option.")
    ] = Path("helio.yaml"),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the rule graph to this file.")
    ] = None,
    format_: Annotated[Format, typer.Option("-f", "--format", help="What is printed.")] = "text",
    tools: Annotated[
        Path | None,
        typer.Option(
            "--tools",
            help="Check the rules against the tools of this file.",
            show_default="helio.tools.lock beside the configuration",
        ),
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Correct in the file what can only be meant in one way.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="With --fix: show what it would do, and write nothing.")
    ] = False,
) -> None:
    """Check a configuration: every fault at once, where it is and what to do.

    Variables that are not set are only warned of outside `policies` and `budgets`, so that CI needs
    no secrets. Where helio.tools.lock is beside the configuration (`helio tools pull` writes it),
    the rules are checked against the names and schemas of the tools, too.
    """
    from helio.cli import output as out
    from helio.policy import compile_file

    # A short process that makes many small lasting values: looking for garbage among them again and
    # again would take longer than compiling 10,000 rules does.
    gc.disable()
    path = file or config
    if diff:
        _show_fix(path, fix)
        return
    began = time.perf_counter()
    try:
        if fix:
            from helio.cli.fixing import fix as fix_file

            fix_file(path)
        compiled = compile_file(path, os.environ, "compile", _known_tools(path, tools))
    except OSError as error:
        out.unreadable(path, error)
    warned = strict and compiled.diagnostics.count("warning") > 0
    passed = compiled.policy is not None and not warned
    _show(compiled, format_, passed)
    if format_ in ("text", "github"):
        # What GitHub reads as commands stands alone.
        summary = _summary(path, compiled, passed, time.perf_counter() - began)
        out.console(errors=format_ == "github").print(summary)
    if compiled.policy is None or warned:
        raise typer.Exit(out.FINDINGS)
    if output is not None:
        try:
            output.write_bytes(compiled.policy.graph)
        except OSError as error:
            out.fail(f"{output}: {error.strerror or error}")


def _show_fix(path: Path, fix: bool) -> None:
    """What `--fix` would do, as a diff. Ends the command with 1 when there is something."""
    from helio.cli import output as out
    from helio.cli.fixing import fixed

    if not fix:
        out.fail("--diff goes with --fix", "`helio compile --fix --diff`")
    try:
        old, new, _ = fixed(path)
    except OSError as error:
        out.unreadable(path, error)
    except UnicodeDecodeError:
        out.fail(f"{path}: the file is not UTF-8")
    out.show_change(str(path), old, new, "corrected")
    if old != new:
        raise typer.Exit(out.FINDINGS)


def _known_tools(path: Path, tools: Path | None) -> "KnownTools | None":
    """The tools of the lock; None where there is none beside the configuration."""
    from helio.cli.known_tools import known_tools, lock_beside

    lock = lock_beside(path, tools)
    return None if lock is None else known_tools(lock)


def _show(compiled: "Compiled", format_: Format, passed: bool) -> None:
    """The findings on stdout."""
    from helio.cli import output as out

    match format_:
        case "text":
            out.show(compiled.diagnostics, compiled.source)
        case "json":
            out.print_json(_as_object(compiled, passed))
        case "github":
            from helio.diagnostics.workflow_commands import workflow_command

            for each in compiled.diagnostics:
                typer.echo(workflow_command(each))
        case "sarif":
            from helio.diagnostics.sarif import as_sarif
            from helio.evaluator import VERSION
            from helio.policy.codes import ALL_CODES

            out.print_json(as_sarif(compiled.diagnostics, ALL_CODES, VERSION))


def _as_object(compiled: "Compiled", passed: bool) -> dict[str, object]:
    policy = compiled.policy
    return {
        "ok": passed,
        "digest": None if policy is None else policy.digest,
        "rules": 0 if policy is None else len(policy.rules),
        "diagnostics": [each.as_object() for each in compiled.diagnostics],
    }


def _summary(path: Path, compiled: "Compiled", passed: bool, seconds: float) -> str:
    fixable = sum(each.fix is not None for each in compiled.diagnostics)
    counts = {name: compiled.diagnostics.count(name) for name in ("error", "warning", "note")}
    found = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count
    )
    if fixable:
        found += f" ({fixable} can be corrected by `--fix`)"
    policy = compiled.policy
    if policy is None:
        return f"{path}: {found}"
    if not passed:
        return f"{path}: {found} (warnings count as errors: --strict)"
    rules = f"{len(policy.rules)} rule{'' if len(policy.rules) == 1 else 's'}"
    after = f", {found}" if found else ""
    return f"{path}: ok, {rules}{after}, {policy.digest} ({seconds * 1000:.0f} ms)"
