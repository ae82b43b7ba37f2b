"""The codes of findings in rules and budgets (`HL4..`), and the registry of all codes.

Above: the compiler's phases and docs/diagnostics.md, which lists the registry. Below: the codes of
`helio.diagnostics` and `helio.config`. Pure.
"""

from helio.config.codes import CONFIG_CODES
from helio.diagnostics.codes import SYNTAX_CODES, Code
from helio.policy.tool_codes import TOOL_AND_STATE_CODES

NO_ACTION = Code(
    "HL401",
    "error",
    "A rule without an action and without anything that it asks for",
    "Add `action`. Without one a rule needs `evidence`, `requires` or `limits`, and then allows.",
)
INCOMPLETE_LIMIT = Code(
    "HL402",
    "error",
    "A limit that lacks a part",
    "`rate_limit` needs `max_calls` and `window`; `spend_limit` needs `max_spend` with `field`, "
    "`limit`, `currency` and a `window`.",
)
GLOB = Code(
    "HL403",
    "error",
    "A glob that cannot be read",
    r"Globs have `*`, `?`, `[set]` and `{a,b}`; `\` takes the meaning from the character after it.",
)
PATH = Code(
    "HL404",
    "error",
    "A path that cannot be read",
    "Paths are JSONPath (RFC 9535) without filter selectors; `amount` and `$.amount` mean the "
    "same. Names with other signs than letters, digits and `_` are written `$['order-id']`.",
)
REGEX = Code(
    "HL405",
    "error",
    "A regular expression that cannot be read",
    "The syntax is that of Rust's `regex`: no look-around, no back-references.",
)
OPERAND = Code(
    "HL406",
    "error",
    "An operand that the operator cannot use",
    "`gt gte lt lte` take a number, `in not_in` a list, `regex starts_with ends_with` text, "
    "`exists` `true` or `false`.",
)
UNKNOWN_OPERATOR = Code(
    "HL407",
    "error",
    "An unknown operator",
    "Operators are `eq neq gt gte lt lte in not_in contains regex starts_with ends_with exists`, "
    "and `every` or `some` around them. To compare with an object, write `{ eq: { … } }`.",
)
NOT_A_TEST = Code(
    "HL408",
    "error",
    "A value that is no test",
    "Write a single value (which means `eq`) or a mapping of operators: a list is written "
    "`{ in: […] }` or `{ eq: […] }`.",
)
DUPLICATE_NAME = Code(
    "HL409",
    "error",
    "Two rules of one name",
    "Names identify the limits of rules; give each rule its own.",
)
RULE_NAME = Code(
    "HL410",
    "error",
    "A name that a rule cannot have",
    "A name is not empty, has at most 128 characters, none of them invisible, and does not begin "
    "with `#`.",
)
NO_ENVIRONMENT = Code(
    "HL411",
    "error",
    "A condition on an environment that is not configured",
    "Set `environment` at the top of the file, for example `environment: production`.",
)
UNKNOWN_CHANNEL = Code(
    "HL412",
    "error",
    "An approval by a channel that does not exist",
    "Name one of `approval.channels`, or `dashboard`, which is always there.",
)
LIMITS_ON_DENY = Code(
    "HL413",
    "warning",
    "Limits on a rule that forwards nothing",
    "Remove `limits` or change the action: a denied call is never counted.",
)
APPROVAL_WITHOUT_ACTION = Code(
    "HL414",
    "warning",
    "Settings of an approval that nobody is asked for",
    "Write `action: require_approval`, or remove `approval`.",
)
REQUIRES_SUCCESS_ALONE = Code(
    "HL415",
    "warning",
    "`requires_success` without `requires`",
    "Add `requires`, or remove `requires_success`.",
)
AMOUNT_PATH = Code(
    "HL416",
    "warning",
    "An amount by a path that may select several values",
    "Point `field` at one value: a call in which it selects none or several is blocked with "
    "`invalid_amount`.",
)
DENIES_UNTIL = Code(
    "HL417",
    "note",
    "A deny that can be lifted",
    "Nothing to do: the rule denies until what it asks for is there, and then lets the call "
    "through. Leave out `evidence` and `requires` to deny always.",
)
MATCHES_ALL = Code(
    "HL418",
    "note",
    "A rule for every call above other rules",
    "Move it to the end, or add conditions: the rules below it are never reached.",
)
REFUSED_GRAPH = Code(
    "HL419",
    "error",
    "More than the evaluator takes",
    "A rule graph has at most 16 MiB, 1,000,000 nodes, 100,000 rules and 1,000 budgets: shorten "
    "texts, join rules.",
)
CIRCLE = Code(
    "HL420",
    "error",
    "Tools that require each other",
    "Remove one of the `requires`, or allow one of these calls by a rule above: as it is, none of "
    "them could ever be the first.",
)
DUPLICATE_BUDGET = Code(
    "HL421",
    "error",
    "Two budgets of one name",
    "Names identify budgets and their history; give each its own.",
)
UNUSED_BUDGET_SETTING = Code(
    "HL422",
    "warning",
    "A setting of a budget that does nothing",
    "Remove it, or change what it is for: `idle_ttl` is for `window: session`, `approval` for "
    "`on_exceed: require_approval`.",
)

NOBODY_ANSWERS = Code(
    "HL423",
    "error",
    "An approval that nobody can answer",
    "Set `dashboard.enabled: true`: people answer on the operator port, whatever tells them, and "
    "in Slack. Or name a Slack channel.",
)
LATE_ESCALATION = Code(
    "HL424",
    "error",
    "An escalation that comes too late",
    "`escalation_after` must be shorter than the `timeout`, which is 300s unless "
    "`approval.timeout` or the rule says otherwise.",
)
LONG_HOLD = Code(
    "HL425",
    "warning",
    "A call may be held for longer than clients wait",
    "Write `approval: { mode: return }`, or a `timeout` of at most 60s. Clients that send a "
    "progress token wait longer.",
)
ALLOWED_UNSEEN = Code(
    "HL426",
    "warning",
    "Calls run when nobody answers",
    "Write `default_on_timeout: deny`, unless it is meant so. Overages of budgets are denied all "
    "the same.",
)

NEVER_REACHED = Code(
    "HL427",
    "warning",
    "A rule that is never reached",
    "Move it above the rules that the message names, make those narrower, or remove it.",
)
HIDDEN_RESTRICTION = Code(
    "HL428",
    "warning",
    "A restriction hidden behind a rule that permits",
    "Move it above the rule that allows: the first rule that matches decides. The witness is a "
    "call that this rule should restrict, and that passes.",
)
CONTRADICTION = Code(
    "HL429",
    "warning",
    "Conditions that no call meets",
    "All conditions of a rule must hold at once: correct one of them. To say `or`, write a list "
    "of globs, `in`, or two rules.",
)
IMPLIED_CONDITION = Code(
    "HL430",
    "note",
    "A condition that always holds where the others do",
    "Remove it, or correct it if it should say more.",
)
REACH_UNKNOWN = Code(
    "HL431",
    "note",
    "Rules of which it is not known whether calls reach them",
    "Nothing to do. Fewer rules for the same tool are compared whole.",
)
TEXT_COMPARISON = Code(
    "HL432",
    "warning",
    "A text that looks like a comparison",
    "Write the operator: `{ gt: 1000 }`. A single value means `eq`, and this one is a text.",
)
MISTAKEN_TOOL = Code(
    "HL433",
    "warning",
    "A tool by something that looks like no name",
    "Write a glob that describes whole names (`delete_*`), a list of them, or for `requires`, "
    "evidence and sessions each name. A sign that is part of a name has a `\\` before it.",
)
MISTAKEN_TEXT = Code(
    "HL434",
    "warning",
    "A text that looks like a pattern",
    "Write the operator that says it: `starts_with`, `ends_with`, `contains` or `regex`.",
)
MISTAKEN_PATH = Code(
    "HL435",
    "warning",
    "A path that begins above the arguments",
    "Write the path from the arguments on: `amount`, or `$.amount`.",
)
OPEN_ADDRESS = Code(
    "HL436",
    "warning",
    "A permitted address that others begin like",
    "Say where it ends: `starts_with: 'https://api.example.com/'`, or `$` at the end of an "
    "expression.",
)
BETWEEN_RULES = Code(
    "HL437",
    "warning",
    "A value between two rules, of which neither decides",
    "Write `lte` or `gte` in one of the two rules, so that one of them is for the value.",
)
LOOPHOLE = Code(
    "HL438",
    "warning",
    "A text that is denied, and that a rule above permits",
    "Move the rule that denies above the one that permits: the first rule that matches decides.",
)
REDUNDANT_RULE = Code(
    "HL470",
    "note",
    "A rule without which every call is decided the same",
    "Remove it, or move it above the rule that it should be an exception to.",
)
PART_WITHOUT_EFFECT = Code(
    "HL471",
    "note",
    "A part of a condition that changes nothing",
    "Remove it, or correct it if it should say something else.",
)

POLICY_CODES = (
    NO_ACTION,
    INCOMPLETE_LIMIT,
    GLOB,
    PATH,
    REGEX,
    OPERAND,
    UNKNOWN_OPERATOR,
    NOT_A_TEST,
    DUPLICATE_NAME,
    RULE_NAME,
    NO_ENVIRONMENT,
    UNKNOWN_CHANNEL,
    LIMITS_ON_DENY,
    APPROVAL_WITHOUT_ACTION,
    REQUIRES_SUCCESS_ALONE,
    AMOUNT_PATH,
    DENIES_UNTIL,
    MATCHES_ALL,
    REFUSED_GRAPH,
    CIRCLE,
    DUPLICATE_BUDGET,
    UNUSED_BUDGET_SETTING,
    NOBODY_ANSWERS,
    LATE_ESCALATION,
    LONG_HOLD,
    ALLOWED_UNSEEN,
    NEVER_REACHED,
    HIDDEN_RESTRICTION,
    CONTRADICTION,
    IMPLIED_CONDITION,
    REACH_UNKNOWN,
    TEXT_COMPARISON,
    MISTAKEN_TOOL,
    MISTAKEN_TEXT,
    MISTAKEN_PATH,
    OPEN_ADDRESS,
    BETWEEN_RULES,
    LOOPHOLE,
    *TOOL_AND_STATE_CODES,
    REDUNDANT_RULE,
    PART_WITHOUT_EFFECT,
)

ALL_CODES: tuple[Code, ...] = (*SYNTAX_CODES, *CONFIG_CODES, *POLICY_CODES)
"""Every code that `helio compile` can report, by id."""
