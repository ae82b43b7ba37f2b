"""The codes of findings in the light of tools and of what calls leave behind (`HL44.`, `HL45.`).

Above: `codes` (the registry), `tool_types`, `state_check`, `upstreams`. Below: `helio.diagnostics`.
Pure.
"""

from helio.diagnostics.codes import Code

NO_SUCH_TOOL = Code(
    "HL440",
    "warning",
    "A name that no tool has",
    "Correct the name, or pull the lock anew (`helio tools pull`). For a tool of an adapter: "
    "`upstream: 'adapter:*'` in `match`, or `# helio: ignore[HL440]` where it must have run.",
)
GLOB_WITHOUT_TOOLS = Code(
    "HL441",
    "note",
    "A glob that matches no tool",
    "Nothing to do where it is for tools that may come. Else correct it.",
)
ONLY_THE_DEFAULT = Code(
    "HL442",
    "note",
    "Tools that no rule names, and that the default allows",
    "Add rules for them, or write `default: deny` and allow what is wanted.",
)
NO_SUCH_ARGUMENT = Code(
    "HL443",
    "warning",
    "A path that the tool's schema does not have",
    "Correct the path: it selects nothing in calls as the schema wants them.",
)
NEVER_OF_THIS_TYPE = Code(
    "HL444",
    "warning",
    "A test that cannot hold for values of this type",
    "Compare with a value of the type that the schema says, by an operator that judges it. As it "
    "is, the condition is false or cannot be judged.",
)
NOT_AMONG_VALUES = Code(
    "HL445",
    "warning",
    "A value that the schema does not list",
    "Write one of the values of the schema's `enum`; they are compared exactly.",
)
OUT_OF_BOUNDS = Code(
    "HL446",
    "note",
    "A comparison that the schema's bounds exclude",
    "Nothing to do where the rule is to hold even if the tool does not check its arguments. Else "
    "correct the number: perhaps it is in another unit.",
)
NO_AMOUNT = Code(
    "HL447",
    "warning",
    "Calls without an amount",
    "Point `field` at a number of each tool that the rule is for, or name fewer tools: calls "
    "without an amount are blocked with `invalid_amount`.",
)
OPTIONAL_AMOUNT = Code(
    "HL448",
    "note",
    "An amount that calls may leave out",
    "A call without it is blocked with `invalid_amount`. Have the tool require it, or say so in "
    "`feedback`.",
)
NO_SUCH_ANNOTATION = Code(
    "HL449",
    "warning",
    "A condition on annotations that no tool meets",
    "Correct the condition, or remove the rule. What a tool does not say has MCP's default: not "
    "read-only, destructive, not idempotent, open to the world.",
)
NO_SUCH_UPSTREAM = Code(
    "HL450",
    "warning",
    "A glob that matches no upstream",
    "Write the name of one of `upstreams`; the one of `upstream` is called `default`.",
)
NO_SUCH_EVIDENCE = Code(
    "HL451",
    "warning",
    "Evidence that nothing can be",
    "Name a tool that there is, or set `sdk.enabled: true` to have it marked.",
)
UNFED_BUDGET = Code(
    "HL452",
    "warning",
    "A budget that nothing counts against",
    "Correct its contributors, or remove it.",
)
NEVER_CALLED = Code(
    "HL453",
    "warning",
    "A tool that must have been called, and never can be",
    "Allow the calls of that tool, or remove the condition: as it is, nothing meets it.",
)
ONE_GOOD_VALUE = Code(
    "HL454",
    "warning",
    "One good value of several lets a call through",
    "Wrap the test in `every`, so that all values must pass, or in `some` if one is enough.",
)
NO_AGENT = Code(
    "HL455",
    "warning",
    "Counted by the agent, and no agent is known",
    "Set `auth`, so that Helio knows who calls, or count by `session`. For what adapters do: "
    "`upstream: 'adapter:*'` in `match`.",
)
LONGER_THAN_RETENTION = Code(
    "HL456",
    "note",
    "A window longer than the audit keeps its rows",
    "Counting is right all the same. To be able to look up what was counted, raise "
    "`audit.retention`.",
)
UNKNOWN_LABEL = Code(
    "HL457",
    "warning",
    "A label that no rule puts on",
    "Correct its name, or add `labels` to the rule whose calls put it on.",
)
LABELS_ON_DENY = Code(
    "HL458",
    "warning",
    "Labels on a rule that forwards nothing",
    "Remove `labels` or change the action: only a forwarded call puts labels on its session.",
)
UNKNOWN_AGENT = Code(
    "HL459",
    "warning",
    "A condition on the agent, and no agent is known",
    "Set `auth`, so that Helio knows who calls. For what adapters do: `upstream: 'adapter:*'` in "
    "`match`.",
)

TOOL_AND_STATE_CODES = (
    NO_SUCH_TOOL,
    GLOB_WITHOUT_TOOLS,
    ONLY_THE_DEFAULT,
    NO_SUCH_ARGUMENT,
    NEVER_OF_THIS_TYPE,
    NOT_AMONG_VALUES,
    OUT_OF_BOUNDS,
    NO_AMOUNT,
    OPTIONAL_AMOUNT,
    NO_SUCH_ANNOTATION,
    NO_SUCH_UPSTREAM,
    NO_SUCH_EVIDENCE,
    UNFED_BUDGET,
    NEVER_CALLED,
    ONE_GOOD_VALUE,
    NO_AGENT,
    LONGER_THAN_RETENTION,
    UNKNOWN_LABEL,
    LABELS_ON_DENY,
    UNKNOWN_AGENT,
)
