"""`helio compile --fix`: makes the corrections that findings bring with them, in the file itself.

Above: `compile`. Below: `helio.diagnostics.fixing`, `helio.policy`. A correction may bring to light
what another one mends, so it is done until nothing is left; the file is written once, as a whole.
"""

import os
from pathlib import Path

from helio.cli import output as out
from helio.cli.replacing import replace_file
from helio.config import parse_config
from helio.diagnostics import Diagnostic
from helio.diagnostics.fixing import corrected
from helio.policy.compiler import compile_loaded

_MOST_ROUNDS = 10


def fix(path: Path) -> int:
    """Corrects a file, telling each correction on stderr; how many there were. Raises `OSError`
    when the file cannot be read or written. What is not UTF-8 is left as it is.
    """
    try:
        _, new, made = fixed(path)
    except UnicodeDecodeError:
        return 0
    if made:
        replace_file(path, new)
    for each in made:
        place = f"{each.file}:{each.span.line}:{each.span.column}"
        out.console(errors=True).print(f"{place}: corrected {each.code}: now {each.fix}")
    return len(made)


def fixed(path: Path) -> tuple[str, str, list[Diagnostic]]:
    """A file's text, the corrected one, and what was corrected in it. Raises `OSError`, and
    `UnicodeDecodeError` for what is not UTF-8.
    """
    with path.open(encoding="utf-8", newline="") as file:
        old = file.read()
    text, made = old, list[Diagnostic]()
    for _ in range(_MOST_ROUNDS):
        loaded = parse_config(
            text,
            str(path),
            environment=os.environ,
            purpose="compile",
            directory=path.parent,
        )
        text, now = corrected(text, compile_loaded(loaded).diagnostics)
        made += now
        if not now:
            break
    return old, text, made
