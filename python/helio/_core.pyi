"""Types of the Rust extension (`rust/binding`). `helio.evaluator` imports it, and of it
`helio.diagnostics.nodes` the nodes of YAML and their reader.
"""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Values
from typing import Literal, final

from helio.diagnostics.tree import Node, Number, ScalarValue

__all__ = [
    "Answer",
    "Breach",
    "BudgetBreach",
    "BudgetDemand",
    "Decision",
    "Demand",
    "Entry",
    "Evaluator",
    "GraphError",
    "LanguageError",
    "Level",
    "MalformedMessage",
    "Mapping",
    "Message",
    "PatternError",
    "PlainReader",
    "Redactor",
    "Scalar",
    "Sequence",
    "Span",
    "Windows",
    "__version__",
    "canonical_json",
    "check_glob",
    "check_regex",
    "compare_numbers",
    "distinguish",
    "glob_matches",
    "graph_digest",
    "inspect_answer",
    "normalize_path",
    "parse_message",
    "select",
    "tool_call",
]

__version__: str

class MalformedMessage(ValueError):
    """A message that the strict envelope refuses.

    `args` is `(reason, code, id, detail)`: reason from the table in docs/architecture.md, the
    JSON-RPC code, the raw JSON of the id when one could be read (else None), and a sentence for
    people.
    """

class GraphError(ValueError):
    """A rule graph that cannot be decoded or does not verify. `args` is `(detail,)`."""

class LanguageError(ValueError):
    """Sets of texts that were not told apart. `args` is `(why,)`."""

class PatternError(ValueError):
    """A path, glob or regular expression that is refused. `args` is `(offset, message)`.

    The offset is in bytes of the text as UTF-8; it is 0 for a regular expression, whose message
    shows the place.
    """

@final
class Message:
    """One JSON-RPC message: a tape over `body`, which is kept as it came."""

    @property
    def body(self) -> bytes: ...
    @property
    def kind(self) -> Literal["request", "notification", "response"]: ...
    @property
    def method(self) -> str | None: ...
    @property
    def id(self) -> bytes | None: ...
    @property
    def tool(self) -> str | None: ...
    @property
    def arguments(self) -> bytes: ...
    @property
    def progress_token(self) -> bytes | None: ...
    def canonical_arguments(self) -> bytes: ...
    def arguments_hash(self) -> str: ...
    def span(self, *keys: str | int) -> tuple[int, int] | None:
        """Start and end of the bytes of the value at a path in `body`; without keys of the whole.

        A text names a member by its decoded key, an integer an element counted from 0. None when
        there is no such value. A string's quotes are included.
        """
    def members(self, *keys: str | int) -> list[tuple[str, int, int, int]]:
        """`(name, start of the key, start of the value, end of the value)` of an object's members.

        In the order of the text, names decoded; a key starts with its quote. `[]` when no object is
        at the path.
        """
    def items(self, *keys: str | int) -> list[tuple[int, int]]:
        """The spans of an array's elements; `[]` when no array is at the path.

        Asking for each by its index would cost their number squared.
        """
    def column(self, name: str, *keys: str | int) -> list[tuple[int, int] | None]:
        """The span of one member in each element of an array; None where an element lacks it."""

def parse_message(body: bytes) -> Message:
    """Read one message by the strict envelope. Raises `MalformedMessage`."""

def tool_call(tool: str, arguments: bytes) -> Message:
    """A `tools/call` with id 0 around `arguments`, a JSON object or `null`.

    Raises `MalformedMessage` for a name or arguments that the strict envelope refuses.
    """

@final
class Answer:
    """What an upstream's JSON answer says: a tape over `body`, which is kept as it came.

    `span`, `members`, `items` and `column` are those of `Message`. Where a key repeats, the last of
    its members counts for a path; `members` has them all. A lone surrogate in a name reads as
    U+FFFD.
    """

    @property
    def body(self) -> bytes: ...
    @property
    def kind(self) -> Literal["request", "notification", "response"]: ...
    @property
    def id(self) -> bytes | None: ...
    @property
    def method(self) -> str | None: ...
    @property
    def error_code(self) -> int | None: ...
    @property
    def error_message(self) -> str | None: ...
    @property
    def is_error(self) -> bool: ...
    def span(self, *keys: str | int) -> tuple[int, int] | None: ...
    def members(self, *keys: str | int) -> list[tuple[str, int, int, int]]: ...
    def items(self, *keys: str | int) -> list[tuple[int, int]]: ...
    def column(self, name: str, *keys: str | int) -> list[tuple[int, int] | None]: ...

def inspect_answer(body: bytes) -> Answer | None:
    """What `body` says, keys that repeat allowed; None when it is not JSON or no answer."""

def normalize_path(text: str) -> str:
    """The one text of a JSONPath: `amount` and `$.amount` give `$['amount']`.

    Raises `PatternError`.
    """

def check_glob(pattern: str) -> None:
    """Raise `PatternError` unless `pattern` is a glob."""

def glob_matches(pattern: str, text: str) -> bool:
    """Whether the glob takes in the whole text. Raises `PatternError`."""

def check_regex(pattern: str) -> None:
    """Raise `PatternError` unless `pattern` is a regular expression within the limits."""

def distinguish(
    sets: list[list[tuple[str, str]]], not_empty: bool, most: int
) -> tuple[list[tuple[tuple[bool, ...], str | None]], int]:
    """Every way in which a text can be in some of the sets and not in the others.

    A set is the union of its languages, each a kind (`glob`, `exact`, `starts_with`, `ends_with`,
    `contains`, `regex`) with its text. Returns the kinds of texts, each with a shortest one (None
    where it is not known that there is one), and the steps that it took. `not_empty` leaves the
    empty text out; `most` bounds the states that are looked at. Raises `LanguageError`.
    """

@final
class Span:
    """A stretch of a file. Ordered by where it begins; its parts come one by one, too."""

    def __new__(cls, line: int, column: int, end_line: int, end_column: int) -> Span: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def end_line(self) -> int: ...
    @property
    def end_column(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...
    def __lt__(self, other: Span, /) -> bool: ...
    def __le__(self, other: Span, /) -> bool: ...
    def __gt__(self, other: Span, /) -> bool: ...
    def __ge__(self, other: Span, /) -> bool: ...

@final
class Scalar:
    """A single value. `lead` is how many characters of the span stand before the value's first one
    (a quote), or None when the value's characters are not those of the file one by one.
    """

    def __new__(cls, value: ScalarValue, span: Span, lead: int | None = None) -> Scalar: ...
    @property
    def value(self) -> ScalarValue: ...
    @property
    def span(self) -> Span: ...
    @property
    def lead(self) -> int | None: ...
    @property
    def kind(self) -> Literal["scalar"]:
        """What it is called."""

    def point(self, offset: int) -> Span:
        """The place of the character at `offset` in the value; the whole span when it cannot be
        told.
        """

@final
class Sequence:
    """A list."""

    def __new__(cls, items: tuple[Node, ...], span: Span) -> Sequence: ...
    @property
    def items(self) -> tuple[Node, ...]: ...
    @property
    def span(self) -> Span: ...
    @property
    def kind(self) -> Literal["list"]:
        """What it is called."""

@final
class Entry:
    """A key and its value."""

    def __new__(cls, key: Scalar, value: Node) -> Entry: ...
    @property
    def key(self) -> Scalar: ...
    @property
    def value(self) -> Node: ...

@final
class Mapping:
    """A mapping with text keys, in file order; merged entries come after its own."""

    def __new__(cls, entries: dict[str, Entry], span: Span) -> Mapping: ...
    @property
    def entries(self) -> dict[str, Entry]: ...
    @property
    def span(self) -> Span: ...
    @property
    def kind(self) -> Literal["mapping"]:
        """What it is called."""

    def get(self, key: str) -> Node | None:
        """The value of a key; None when the key is absent."""

@final
class PlainReader:
    """Reads YAML that is plain, with numbers of this kind."""

    def __new__(
        cls,
        number: type[Number],
        is_secret_key: Callable[[str], bool],
        holds_credentials: Callable[[str], bool],
    ) -> PlainReader: ...
    def read(self, text: str) -> tuple[Node, list[Span], list[Span]] | None:
        """The root, where secrets stand, and where keys and values with a `#` do.

        None for a text that is not plain: it has a fault, an anchor, an alias, a tag, a key that
        is no text or stands twice, a number that is none of JSON's, or is near a cap.
        """

def select(path: str, document: bytes) -> list[bytes]:
    """The nodelist of `path` in a JSON document, each value as it came.

    Raises `PatternError` for the path, `ValueError` for the document.
    """

def canonical_json(document: bytes) -> bytes:
    """The canonical text of a JSON document, see "Canonical JSON" in docs/architecture.md.

    Keys may differ by case only. Raises `ValueError` for what is not strict JSON, for keys that
    repeat, and for nesting and numbers beyond the strict envelope's bounds.
    """

def compare_numbers(left: str, right: str) -> int:
    """-1, 0 or 1: how two JSON numbers compare by value. Raises `ValueError` for other texts."""

def graph_digest(graph: bytes) -> str:
    """`sha256:` and 64 hex digits over the canonical text of `graph` without `source`.

    Raises `GraphError` for what is no JSON object.
    """

@final
class Demand:
    """One limit that a call must have room in. `amount` and `maximum` are decimal texts."""

    @property
    def limit(self) -> str: ...
    @property
    def rule(self) -> int: ...
    @property
    def kind(self) -> Literal["rate", "spend"]: ...
    @property
    def key(self) -> str: ...
    @property
    def amount(self) -> str: ...
    @property
    def maximum(self) -> str: ...
    @property
    def window_ms(self) -> int: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def enforced(self) -> bool: ...

@final
class BudgetDemand:
    """What a call takes from one budget. `amount` and `limit` are decimal texts.

    `id` is the budget's identity across reloads, the `limit` of its levels and charges; `key` says
    which of its pots. `contributor` is the place of the contributor that says how much. `kind` is
    `spend` for a sliding window of `window_ms`, and `pot` for one per session, where `window_ms` is
    None.
    """

    @property
    def budget(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def contributor(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def amount(self) -> str: ...
    @property
    def limit(self) -> str: ...
    @property
    def kind(self) -> Literal["spend", "pot"]: ...
    @property
    def window_ms(self) -> int | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def on_exceed(self) -> Literal["deny", "require_approval"]: ...

@final
class Decision:
    """What the rules say of one call, and what budgets it feeds.

    `rule` is the deciding rule's index in the file, -1 for the default. `restricting` are the
    indeterminate rules whose limits, evidence, requires or approval are added to it (it is not
    among them); see "What a decision reports" in docs/architecture.md for all fields.
    `indeterminate` holds `(rule, condition, detail)` for what could not be judged. `shadow` holds
    `(rule, action)` of the shadow rules that matched. `fault` is why the demands could not be
    computed: `("invalid_amount", rule, field, found)` or `("session_unresolved", rule, key, "")`,
    else None; `shadow_faults` the same for shadow rules. `budgets` are empty where the rules
    deny; `budget_fault` is why they could not be computed, the same with a budget's name in place
    of the rule.
    """

    @property
    def rule(self) -> int: ...
    @property
    def action(
        self,
    ) -> Literal["allow", "deny", "require_approval", "rate_limit", "spend_limit", "dry_run"]: ...
    @property
    def restricting(self) -> list[int]: ...
    @property
    def indeterminate(self) -> list[tuple[int, str, str]]: ...
    @property
    def shadow(self) -> list[tuple[int, str]]: ...
    @property
    def assumed_hints(self) -> list[str]: ...
    @property
    def demands(self) -> list[Demand]: ...
    @property
    def has_demands(self) -> bool: ...
    @property
    def fault(self) -> tuple[str, int, str, str] | None: ...
    @property
    def shadow_faults(self) -> list[tuple[str, int, str, str]]: ...
    @property
    def budgets(self) -> list[BudgetDemand]: ...
    @property
    def has_budgets(self) -> bool: ...
    @property
    def budget_fault(self) -> tuple[str, str, str, str] | None: ...
    @property
    def panicked(self) -> str | None: ...

@final
class Evaluator:
    """An indexed rule graph. `hints` packs the known annotations, see `helio.evaluator`."""

    def __new__(cls, graph: bytes, hash_key: bytes | None = None) -> Evaluator:
        """Decode, verify and index a graph. Raises `GraphError`.

        With `hash_key` the arguments in keys of limits (`call`) are hashed with it, so that nobody
        can guess them from a key.
        """
    @property
    def digest(self) -> str: ...
    @property
    def rule_count(self) -> int: ...
    @property
    def needs_session_facts(self) -> bool:
        """Whether a condition asks for `labels` or `called`."""
    @property
    def has_budgets(self) -> bool:
        """Whether calls are held against budgets."""
    def listing(self) -> str:
        """The compiled program, for people."""
    def decide(
        self,
        message: Message,
        upstream: str,
        hints: int = 0,
        *,
        agent: str | None = None,
        session: str | None = None,
        session_falls_back: bool = False,
        labels: Values[str] | None = None,
        called: Values[str] | None = None,
        sender: str | None = None,
        metadata: bytes | None = None,
        below: int | None = None,
    ) -> Decision:
        """Decide a `tools/call`. A panic is a `deny` with `panicked`.

        `labels` and `called` count only with a `session`. `session_falls_back` lets keys by
        session take the agent where the session is unknown. `metadata` is an adapter's JSON
        document, None on MCP. `below` asks only the rules after the one with this index. Raises
        `ValueError` for another message and for metadata that is not strict JSON.
        """
    def judge(self, body: bytes, upstream: str, hints: int = 0) -> Decision:
        """`parse_message` and `decide` in one, without facts. Raises what either raises."""
    def may_allow(
        self,
        tool: str,
        upstream: str,
        hints: int | None,
        *,
        agent: str | None = None,
        agent_known: bool,
    ) -> bool:
        """Whether some call of a tool may be forwarded, rehearsed or put before a person.

        False only when the rules deny every call of it, whatever its arguments, session and
        metadata are; limits are taken to have room, requirements to be met. `hints` None: they are
        yet to be found out, and may be any. `agent_known` False: anyone may call, and `agent` is
        not looked at; True: `agent` calls, None being one without an id.
        """

@final
class Redactor:
    """Compiled redaction rules, with the key of the hashes that stand for what they hide.

    `rules` is a JSON array of `{"path", "key", "pattern", "detect", "tool", "action"}`; the first
    five are lists of texts and may be left out, `action` is `mask` or `hash`. The configured
    `secrets` are hidden everywhere, without any rule. In what is returned every byte is as it came
    but what is hidden. See docs/redaction.md.
    """

    def __new__(cls, rules: bytes, key: bytes, secrets: Values[str]) -> Redactor:
        """Raises ValueError for rules that cannot be used."""
    def know(self, secrets: Values[str]) -> None:
        """Hide these secrets from now on, in place of those that were known.

        Raises ValueError for too many; then those that were known stay.
        """
    @property
    def has_rules(self) -> bool: ...
    @property
    def has_places(self) -> bool:
        """Whether any rule goes by path or key, which count in JSON alone."""
    def arguments(self, tool: str, document: bytes) -> bytes | None:
        """The arguments of a call. This and the following: the same object when nothing in it is
        hidden, None when it cannot be read as the rules need it."""
    def answer(self, tool: str, document: bytes) -> bytes | None:
        """A JSON-RPC answer to a call."""
    def request(self, document: bytes) -> bytes | None:
        """A JSON-RPC request that was refused: the rules for whatever tool count."""
    def document(self, document: bytes) -> bytes | None:
        """Any other document: the rules for whatever tool count, `$` is the whole."""
    def notes(self, tool: str | None, document: bytes) -> bytes | None:
        """A document of Helio's own: paths and keys do not count in it."""
    def text(self, text: str, tool: str | None = None) -> str:
        """A text that need not be JSON. Without a tool the rules for whatever tool count."""
    def sealed(self, document: bytes) -> bytes:
        """What can be compared with others of this kind, and not read: the canonical JSON with a
        keyed hash for every text, number, boolean and null. Without rules only configured secrets
        are hidden in it.

        Raises ValueError for what is not JSON whose keys differ.
        """
    def digest(self, document: bytes) -> str:
        """The keyed hash (HMAC-SHA-256), 64 hex digits."""

@final
class Breach:
    """A demand without room. `reset_ns` is how long until it would have room, None if never."""

    @property
    def demand(self) -> Demand: ...
    @property
    def current(self) -> str: ...
    @property
    def reset_ns(self) -> int | None: ...

@final
class BudgetBreach:
    """A budget without room for a call.

    `current` is what is spent and reserved, `remaining` the rest of the limit, not below 0.
    `reset_ns` is how long until there would be room, None if never; of a pot, how long until it is
    given up when nothing more is charged.
    """

    @property
    def demand(self) -> BudgetDemand: ...
    @property
    def current(self) -> str: ...
    @property
    def remaining(self) -> str: ...
    @property
    def reset_ns(self) -> int | None: ...

@final
class Level:
    """One window's level. `reset_ns` is when its oldest entry leaves, None when it is empty.

    A budget's has its id as `limit`. A `pot` leaves as a whole, `window_ms` after its last charge.
    """

    @property
    def limit(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> Literal["rate", "spend", "pot"]: ...
    @property
    def current(self) -> str: ...
    @property
    def reserved(self) -> str: ...
    @property
    def window_ms(self) -> int: ...
    @property
    def reset_ns(self) -> int | None: ...

@final
class Windows:
    """All windows of one process, sliding ones and pots. Times are nanoseconds, monotonic.

    A `now` below one that was handed in before counts as that one. After a panic every method
    raises `RuntimeError`, for ever: what cannot be counted on is not counted with.
    """

    def __new__(cls) -> Windows: ...
    def reserve(
        self, decision: Decision, now: int, *, enforce: bool = True
    ) -> tuple[int, list[Breach]]:
        """Reserve a decision's enforced demands, all or none; the others where they have room.

        Returns the reservation, 0 when nothing is reserved, and the demands without room: enforced
        ones first. With `enforce=False` no demand is enforced.
        """
    def check(self, decision: Decision, now: int) -> list[Breach]:
        """The breaches that `reserve` would report; nothing is reserved."""
    def reserve_budgets(
        self, decision: Decision, now: int, *, enforce: bool = True
    ) -> tuple[int, list[BudgetBreach]]:
        """The same for a decision's budgets: all of them or none, and every one without room."""
    def check_budgets(self, decision: Decision, now: int) -> list[BudgetBreach]:
        """The breaches that `reserve_budgets` would report; nothing is reserved."""
    def charges(self, reservation: int) -> list[tuple[str, str, str, str, int]]:
        """`(limit, key, kind, amount, window_ms)` of all that a commit would count.

        Raises `LookupError`.
        """
    def commit(self, reservation: int, now: int) -> None:
        """Count what is reserved, from `now` on; 0 is nothing.

        Raises `LookupError` when it is not held.
        """
    def release(self, reservation: int) -> None:
        """Give back what is reserved; 0 is nothing. Raises `LookupError` when it is not held."""
    def charge(
        self, limit: str, key: str, kind: str, amount: str, window_ms: int, at: int, now: int
    ) -> None:
        """Count a charge that happened at `at`, room or not; a later `at` than `now` is `now`.

        Charges of one pot come in the order of their times. Raises `ValueError` for another kind
        than `rate`, `spend` and `pot`, for what is no amount, for a rate by another amount than 1
        and for a window below 1 ms.
        """
    def hold_again(self, charges: Values[tuple[str, str, str, str, int]], now: int) -> int:
        """Reserve what `charges` gave of a call that is open still, room or not; 0 for nothing.

        Raises `ValueError` as `charge`, and then reserves nothing.
        """
    def levels(self, now: int) -> list[Level]:
        """The windows that hold anything, sorted by limit, window length and key."""
    def fullest(self, now: int) -> list[tuple[Level, int]]:
        """The fullest window of each limit, and how many it has; sorted by limit and length."""
    def snapshot(self, now: int) -> bytes:
        """All committed entries with their ages, as versioned JSON."""
    def restore(self, snapshot: bytes, elapsed: int, now: int) -> None:
        """Add the entries of a snapshot taken `elapsed` ns ago.

        Raises `ValueError`, and then adds none.
        """
    def sweep(self, now: int) -> int:
        """Drop every window that holds nothing; returns how many."""
    def __len__(self) -> int: ...
