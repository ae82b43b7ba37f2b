"""The codes of faults in `helio.yaml`: its schema (`HL1..`), interpolation (`HL2..`), availability
(`HL3..`).

Above: everything in `helio.config` and `helio.policy`. Below: `helio.diagnostics`. Pure.
"""

from helio.diagnostics.codes import Code

MISSING_KEY = Code(
    "HL101",
    "error",
    "A key is missing",
    "Add the key; docs/configuration.md shows its form.",
)
UNKNOWN_KEY = Code(
    "HL102",
    "error",
    "An unknown key",
    "Correct its spelling. Top-level keys that begin with `x-` are ignored and may hold anchors.",
)
WRONG_TYPE = Code(
    "HL103",
    "error",
    "A value of the wrong type",
    "Write the type that the message asks for: only `true` and `false` are booleans, and what is "
    "quoted is text.",
)
UNKNOWN_WORD = Code(
    "HL104",
    "error",
    "A value that is not one of the known ones",
    "Use one of the values in the message.",
)
INVALID_VALUE = Code(
    "HL105",
    "error",
    "A value that cannot be used",
    "Correct it as the message says.",
)
CONFLICT = Code(
    "HL106",
    "error",
    "Two settings that exclude each other",
    "Change or remove one of them.",
)
WEAK_SECRET = Code(
    "HL107",
    "warning",
    "A secret that is easily guessed",
    "Use at least 16 random characters; `helio init` makes such a secret.",
)
STORAGE_NAME = Code(
    "HL108",
    "warning",
    "The audit is not kept in SQLite",
    "Remove `audit.storage`, or write `duckdb`. `sqlite` is accepted for older files.",
)
OUT_OF_REACH = Code(
    "HL109",
    "warning",
    "A channel whose answers do not come in",
    "Slack sends clicks to `/slack/actions` on the agents' port: put the public name under which "
    "it is reached into `listen.allowed_hosts`. Where a tunnel writes `Host` anew, all is well.",
)
UNSET_VARIABLE = Code(
    "HL201",
    "error",
    "An environment variable is not set",
    "Set it, or give a default: `${NAME:-default}`.",
)
UNSET_VARIABLE_LATER = Code(
    "HL202",
    "warning",
    "An environment variable is not set here",
    "Set it where Helio runs. `helio compile` needs no secrets: it goes on with a placeholder.",
)
INTERPOLATION_FORM = Code(
    "HL203",
    "error",
    "An interpolation that cannot be read",
    "Write `${NAME}` or `${NAME:-default}`; a literal `${` is written `$${`.",
)

NOT_AVAILABLE = Code(
    "HL301",
    "error",
    "Something that this version cannot do",
    "Remove it, or use a later version. Nothing that is configured is ever ignored.",
)

CONFIG_CODES = (
    MISSING_KEY,
    UNKNOWN_KEY,
    WRONG_TYPE,
    UNKNOWN_WORD,
    INVALID_VALUE,
    CONFLICT,
    WEAK_SECRET,
    STORAGE_NAME,
    OUT_OF_REACH,
    UNSET_VARIABLE,
    UNSET_VARIABLE_LATER,
    INTERPOLATION_FORM,
    NOT_AVAILABLE,
)
