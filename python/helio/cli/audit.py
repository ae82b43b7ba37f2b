"""`helio audit verify|head|rebuild|seal`: whether the audit is what was written, and its index.

Above: `helio.cli`. Below: `audit_reading`, `helio.audit`. Exit codes: 0 nothing
is wrong, 1 findings, 2 usage or I/O. `verify` and `head` run beside a serving Helio, `rebuild` only
without one.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from helio.cli.audit_reading import Notes, configured_audit, fail
from helio.cli.audit_seal import seal

if TYPE_CHECKING:
    from helio.audit.checking import Checked, KeptHead, Places

Config = Annotated[
    Path, typer.Option("-c", "--config", help="The configuration, for its `audit` section.")
]
Directory = Annotated[
    Path | None,
    typer.Argument(help="The audit's directory; no configuration is read.", metavar="[DIR]"),
]
Key = Annotated[
    Path | None,
    typer.Option(help="The key that signs heads, a file; else audit.signing_key names it."),
]

_DEFAULT = Path("helio.yaml")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    audit = typer.Typer(
        name="audit",
        help="Check that the audit is what was written, and make its index anew.",
        no_args_is_help=True,
    )
    audit.command("verify")(verify)
    audit.command("head")(head)
    audit.command("rebuild")(rebuild)
    audit.command("seal")(seal)
    app.add_typer(audit)


def verify(
    *,
    directory: Directory = None,
    config: Config = _DEFAULT,
    heads: Annotated[
        list[Path] | None,
        typer.Option(
            "--head", help="Heads kept elsewhere, one or many in a file; `-` is stdin. Repeatable."
        ),
    ] = None,
    key: Key = None,
    archive: Annotated[
        str | None, typer.Option(help="The archive; else audit.archive.path names it.")
    ] = None,
    format_: Annotated[
        Literal["text", "json"], typer.Option("-f", "--format", help="text or json.")
    ] = "text",
) -> None:
    """Look for records that were altered, removed, inserted, reordered or cut off.

    Reads the whole journal, while Helio runs or after it stopped. That its end was cut off, or all
    of it written anew, only shows against a **head** that was kept elsewhere (`helio audit head`).
    """
    from helio.audit.checking import check
    from helio.cli.output import FINDINGS, print_json
    from helio.errors import HelioError

    places = _places("audit verify", directory, config, key, archive)
    where = places.directory
    kept = [each for path in heads or () for each in _kept_heads(path)]
    notes = Notes("audit verify")
    total = sum(path.stat().st_size for path in where.glob("**/journal-*.jsonl"))
    done = 0

    def reading(size: int) -> None:
        nonlocal done
        done += size
        notes.reading(done, total)

    try:
        checked = check(places, kept, reading)
    except (OSError, HelioError) as error:
        fail("audit verify", str(error))
    if format_ == "json":
        print_json(_as_json(checked))
    else:
        _show(checked, notes, compared=bool(kept))
    if checked.found:
        raise typer.Exit(FINDINGS)


def head(
    directory: Directory = None,
    config: Config = _DEFAULT,
    key: Key = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file to append to, in place of stdout.")
    ] = None,
) -> None:
    """Print the signed head: the newest record that will stay, by number and hash, as JSON.

    One line for each journal; keep the lines where nobody who can write to the audit can reach
    them. The key is made at first use, beside the journal unless told otherwise.
    """
    from helio.audit.directories import journals
    from helio.audit.head import Head, signing_key
    from helio.errors import HelioError

    where, key_file, _ = _places("audit head", directory, config, key)
    if not where.is_dir():
        fail("audit head", f"there is no journal in {where}")
    try:
        signing = signing_key(key_file)
        lines = [Head.sign(each, where, signing).text() + "\n" for each in journals(where)]
        if output is None:
            sys.stdout.write("".join(lines))
        else:
            with output.open("a") as file:
                file.write("".join(lines))
    except (OSError, HelioError) as error:
        fail("audit head", str(error))


def rebuild(directory: Directory = None, config: Config = _DEFAULT) -> None:
    """Make the DuckDB index anew from the journal. Helio must not be serving.

    The old index stays until the new one is whole. A Helio that serves keeps its index itself, and
    makes it anew when it is damaged.
    """
    from helio.audit.rebuilding import rebuild as rebuild_index
    from helio.audit.segment import segments
    from helio.errors import HelioError, JournalLocked

    where, _, _ = _places("audit rebuild", directory, config, None)
    notes = Notes("audit rebuild")
    if not where.is_dir() or not segments(where):
        fail("audit rebuild", f"there is no journal in {where}")
    try:
        rows = rebuild_index(where, notes.reading)
    except JournalLocked as error:
        fail(
            "audit rebuild",
            f"{error}, which keeps the index itself. Stop it first; or only wait: it makes the "
            "index anew when it is damaged.",
        )
    except (OSError, HelioError) as error:
        fail("audit rebuild", str(error))
    notes.say(f"{rows} rows in the index")


def _places(
    command: str, directory: Path | None, config: Path, key: Path | None, archive: str | None = None
) -> "Places":
    """Where the audit is, and the key that signs its heads is or will be."""
    from helio.audit.checking import Places
    from helio.audit.head import KEY_FILE

    if directory is not None:
        return Places(directory, key or directory / KEY_FILE, archive)
    section = configured_audit(command, config, "an argument DIR")
    key = key or section.signing_key or section.path / KEY_FILE
    return Places(section.path, key, archive or section.archive.path)


def _kept_heads(path: Path) -> "list[KeptHead]":
    from helio.audit.checking import KeptHead
    from helio.audit.head import read_heads
    from helio.errors import HeadUnreadable

    name = "stdin" if str(path) == "-" else str(path)
    try:
        text = sys.stdin.read() if name == "stdin" else path.read_text("utf-8")
        return [KeptHead(each, name, number) for number, each in enumerate(read_heads(text), 1)]
    except (HeadUnreadable, UnicodeDecodeError) as error:
        fail("audit verify", f"{name}: {error}")
    except OSError as error:
        fail("audit verify", f"{name}: {error.strerror or error}")


def _as_json(checked: "Checked") -> dict[str, object]:
    return {
        "ok": not checked.found,
        "journals": [
            {
                "journal": name,
                "node": each.node,
                "serving": each.serving,
                "first": each.first,
                "last": each.last,
                "hash": each.digest,
                "torn": each.torn,
            }
            for name, each in checked.journals.items()
        ],
        "heads": {
            "compared": checked.compared,
            "older": checked.older,
            "key_checked": checked.key_checked,
        },
        "archived": checked.archived,
        "findings": [
            {
                "kind": each.kind,
                "journal": name,
                "file": each.file,
                "line": each.line,
                "seq": each.sequence,
                "what": each.what,
            }
            for name, each in checked.found
        ],
        "more": checked.more,
    }


def _show(checked: "Checked", notes: Notes, *, compared: bool) -> None:
    """Findings to stdout, and how to read them to stderr."""
    for name, each in checked.found:
        place = each.file if name == "." or each.kind == "signature" else f"{name}/{each.file}"
        record = "" if each.sequence is None else f" (record {each.sequence})"
        line = f", line {each.line}{record}" if each.line else ""
        typer.echo(f"{place}{line}: {each.kind}: {each.what}")
    if checked.more:
        typer.echo(f"and {checked.more} more")
    for name, journal in checked.journals.items():
        whose = "" if name == "." else f"{name}: "
        if journal.torn:
            notes.say(f"{whose}{journal.torn} bytes at the end, of a line never written whole")
        typer.echo(f"{whose}records {journal.first} to {journal.last} were looked at")
    if checked.archived:
        typer.echo(f"{checked.archived} parts of the archive were looked at")
    if checked.older:
        notes.say(f"{checked.older} heads are older than the records that are kept")
    if compared and not checked.key_checked:
        notes.say("the audit's own key is not there: heads were checked by the keys they name")
    if not compared:
        notes.say("an end that was cut off shows only by --head FILE (`helio audit head` makes it)")
    typer.echo(f"{len(checked.found)} findings" if checked.found else "nothing is wrong")
