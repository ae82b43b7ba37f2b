"""Texts that can be read and are hardly meant so: regular expressions where globs stand, globs
where texts are compared, prefixes that rules never see, addresses that longer ones pass for.

Above: `check`, `state_check`, `helio explain`, policy tests. Below: `document`, `helio.evaluator`.
Pure. Each function gives what to say and what to do about it, or None where there is nothing.
"""

import re
from collections.abc import Collection
from typing import Final

from helio.config.sections import ADAPTER_PREFIX
from helio.diagnostics import Interpolated, near_miss, quoted
from helio.evaluator import LanguageError, distinguish
from helio.policy.document import Operation

Advice = tuple[str, str]
"""A message and a hint."""

_ESCAPED: Final = re.compile(r"\\[^dDwWsSb]")
_NESTED: Final = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
_EXPRESSION: Final = re.compile(
    r"^\^|\$$|[()|]|\\[dDwWsSb]|(?:^|[^\w.*\]}])\.\*|_\.\*|\.\+|^/.*/\w*$"
)
_SIMPLE_GLOB: Final = re.compile(r"[\w*?-]+\Z")
"""Globs of which there is nothing to say, as most are."""
_PLAIN_GLOB: Final = re.compile(r"[\w.*{},-]+")
_STARRED: Final = re.compile(r"(\*?)((?<=\*)[\w./@:-][^*]*|[^*]*[\w./@:-](?=\*))(\*?)$")
_DELIMITED: Final = re.compile(r"/(.+)/([gimsuy]+)$", re.DOTALL)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]+$", re.IGNORECASE)
_ENDS_AS_HOST: Final = re.compile(
    r"(?:@|//).*\.[a-z]{2,}\)*$|\.(?:com|org|net|io|dev|app|ai|eu|example|internal|local)\)*$",
    re.IGNORECASE,
)
_MORE: Final = ".evil.example"
_MOST_STATES: Final = 2_000
_EXACT: Final = ("eq", "neq", "in", "not_in", "contains", "starts_with", "ends_with")


def mistaken_tool(glob: str, upstreams: Collection[str]) -> Advice | None:
    """What a glob for tools was probably meant to be. `upstreams` are the names of several."""
    if isinstance(glob, Interpolated):
        return None
    prefixed = _prefixed(glob, upstreams) if upstreams else None
    if prefixed or _SIMPLE_GLOB.match(glob):
        return prefixed
    return _around(glob) or _of_another_language(glob)


def _prefixed(glob: str, upstreams: Collection[str]) -> Advice | None:
    for separator in ("__", "/"):
        prefix, found, rest = glob.partition(separator)
        if found and rest and prefix in upstreams:
            message = f"rules see a tool's own name, without its upstream: {quoted(glob)} is none"
            return message, f"write `upstream: {prefix}` and `tool: {rest}`"
    return None


def _around(glob: str) -> Advice | None:
    if glob != glob.strip():
        return "no tool's name begins or ends with a space", f"write {quoted(glob.strip())}"
    if glob.startswith("!"):
        message = "`!` negates nothing here: this is for tools whose names begin with it"
        return message, f"write a rule for {quoted(glob[1:])} above one for `*`"
    return None


def _of_another_language(glob: str) -> Advice | None:
    flat = _NESTED.sub("", _ESCAPED.sub("", glob))
    if _EXPRESSION.search(flat):
        message = "this is read as a glob, and looks like a regular expression: no tool is "
        return message + "called so", _as_glob(glob)
    if "," in flat and "{" not in flat:
        names = ", ".join(part.strip() for part in glob.split(","))
        return "this is one name with a comma in it", f"write a list: `[{names}]`"
    if "%" in flat:
        message = "`%` stands for nothing here: globs have `*`"
        return message, f"write {quoted(glob.replace('%', '*'))}"
    return None


def told_of_address(tool: str, upstream: str | None, upstreams: Collection[str]) -> Advice | None:
    """The same of a call that somebody writes down: one to an upstream that there is not, or of a
    tool by the name that agents see where several upstreams are served as one."""
    if upstream is None:
        return _prefixed(tool, upstreams)
    if not upstreams or upstream in upstreams or upstream.startswith(ADAPTER_PREFIX):
        return None
    near = near_miss(upstream, sorted(upstreams))
    known = ", ".join(quoted(name) for name in sorted(upstreams)[:8])
    hint = f"there is {known}" if near is None else f"did you mean {quoted(near)}?"
    return f"no upstream is called {quoted(upstream)}", hint


def mistaken_name(name: str) -> Advice | None:
    """The same where the name of a tool is wanted, not a glob."""
    if isinstance(name, Interpolated) or "*" not in name:
        return None
    return "this is the name of one tool, not a glob: no tool is called so", "name each tool"


def _as_glob(expression: str) -> str:
    """How a simple regular expression is written as a glob."""
    inner = _DELIMITED.sub(r"\1", expression)
    if inner == expression and len(inner) > 1 and inner[0] == inner[-1] == "/":
        inner = inner[1:-1]
    begins, ends = inner.startswith("^"), inner.endswith("$")
    inner = inner[begins : len(inner) - ends].replace("\\.", ".")
    inner = re.sub(r"\((?:\?:)?([\w|]+)\)", _alternatives, inner)
    inner = inner.replace(".*", "*").replace(".+", "*")
    if "|" in inner:
        inner = f"{{{inner.replace('|', ',')}}}"
    if begins != ends:
        inner = f"{inner}*" if begins else f"*{inner}"
    inner = re.sub(r"\*+", "*", inner)
    whole = _PLAIN_GLOB.fullmatch(inner)
    return f"write `{inner}`" if whole else "globs have `*`, `?`, `[set]` and `{a,b}`"


def _alternatives(found: re.Match[str]) -> str:
    return f"{{{found.group(1).replace('|', ',')}}}"


def mistaken_text(operator: str, text: str) -> Advice | None:
    """What a text that is compared as it is was probably meant to be: a glob, or a regular
    expression as other languages write them."""
    if isinstance(text, Interpolated):
        return None
    delimited = _DELIMITED.match(text) if operator == "regex" else None
    if delimited:
        inner, flags = delimited.groups()
        kept = "".join(flag for flag in "ims" if flag in flags)
        head = f"(?{kept})" if kept else ""
        message = "the `/` and the flags are part of this expression: nothing takes them away"
        return message, f"write `'{head}{inner}'`"
    if operator not in _EXACT or "*" not in text:
        return None
    starred = _STARRED.match(text)
    if starred is None:
        return None
    before, inner, after = starred.groups()
    meant = "contains" if before and after else "ends_with" if before else "starts_with"
    message = f"this compares with the text {quoted(text)}: `*` stands for nothing here"
    if operator in ("neq", "not_in"):
        return message, f"write a rule with `{meant}: {_written(inner)}` above"
    return message, f"write `{{ {meant}: {_written(inner)} }}`"


def _written(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z][\w-]*", text) else "'" + text.replace("'", "''") + "'"


def mistaken_path(path: str) -> Advice | None:
    """A path into the whole message, where paths begin at the arguments."""
    bare = path.removeprefix("$.")
    for prefix in ("params.arguments.", "params.", "arguments."):
        if bare.startswith(prefix) and not isinstance(path, Interpolated):
            message = "paths begin at the arguments: this one is about an argument called "
            return message + quoted(
                prefix.partition(".")[0]
            ), f"write {quoted(bare[len(prefix) :])}"
    return None


def open_address(operation: Operation) -> Advice | None:
    """An address or host that a call must have, and that others have, too: it is judged by how it
    begins, or wherever it stands."""
    text = operation.text()
    if text is None or isinstance(text.value, Interpolated):
        return None
    value = text.value
    if operation.operator == "starts_with" and _ORIGIN.match(value):
        return _also(value + _MORE), f"end it: `{value}/`"
    if operation.operator != "regex" or not _ENDS_AS_HOST.search(value):
        return None
    shown = _longer(value)
    return None if shown is None else (_also(shown), f"end it: `{value}$`, or `{value}(/|$)`")


def _also(text: str) -> str:
    return f"{quoted(text)} passes this, too"


def _longer(regex: str) -> str | None:
    """A text that the expression finds something in, though it goes on behind that as the name of
    another host; None where there is none, or it is not known."""
    try:
        kinds, _ = distinguish([[("regex", regex)]], True, _MOST_STATES)
        found = next((text for sides, text in kinds if sides[0] and text), None)
        if found is None:
            return None
        sets = [[("regex", regex)], [("exact", found + _MORE)]]
        kinds, _ = distinguish(sets, True, _MOST_STATES)
    except LanguageError:
        return None
    return found + _MORE if any(all(sides) for sides, _ in kinds) else None
