"""`helio fmt`: `helio.yaml` in one layout, comments kept.

Above: `helio.cli`. Below: `helio.policy.formatting`. Exit codes: 0 fine, 1 for files that
`--check` would change, 2 for what cannot be read or formatted.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

_STDIN = "-"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("fmt")(fmt_command)


def fmt_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="The files; `-` formats stdin to stdout.", show_default="helio.yaml"),
    ] = None,
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; show what would change, and exit with 1."),
    ] = False,
) -> None:
    """Format helio.yaml: indentation, blank lines, quotes, the order of a rule's keys.

    Comments stay with what they are about, and a file says after it what it said before: one of
    which that is not certain is left alone.
    """
    from helio.cli import output as out

    changed = [_format(str(path), check=check) for path in files or [Path("helio.yaml")]]
    notes = out.console(errors=True)
    if None in changed:
        raise typer.Exit(out.USAGE)
    told = "would be reformatted" if check else "reformatted"
    number = changed.count(True)
    notes.print(f"{_counted(number)} {told}, {_counted(len(changed) - number)} unchanged")
    if check and number:
        raise typer.Exit(out.FINDINGS)


def _format(name: str, *, check: bool) -> bool | None:
    """Formats one file; whether that changes it, None when it could not be done."""
    from helio.cli import output as out
    from helio.cli.replacing import replace_file
    from helio.policy.formatting import Unformattable, formatted

    try:
        text = _read(name)
        new = formatted(text)
        if name == _STDIN and not check:
            sys.stdout.write(new)
        elif check:
            out.show_change(name, text, new, "formatted")
        elif new != text:
            replace_file(Path(name), new)
    except OSError as error:
        _tell(f"{name}: {error.strerror or error}")
        return None
    except UnicodeDecodeError:
        _tell(f"{name}: the file is not UTF-8")
        return None
    except Unformattable as error:
        _show_faults(name, text)
        out.console(errors=True).print(f"{name}: {error}; it is left as it is")
        return None
    return new != text


def _read(name: str) -> str:
    if name == _STDIN:
        return sys.stdin.buffer.read().decode("utf-8")
    with Path(name).open(encoding="utf-8", newline="") as file:
        return file.read()


def _show_faults(name: str, text: str) -> None:
    """Faults of form, with the places."""
    from helio.cli import output as out
    from helio.diagnostics.yaml_document import parse_yaml

    document = parse_yaml(text, name)
    found = [each for each in document.diagnostics if each.severity == "error"]
    out.show(found, document.source, errors=True)


def _tell(message: str) -> None:
    from helio.cli import output as out

    out.console(errors=True).print(f"error: {message}")


def _counted(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
