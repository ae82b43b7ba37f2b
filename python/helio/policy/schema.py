"""The JSON Schema of `helio.yaml`, for editors: from the models, and from the words of rules.

Above: `helio schema`. Below: `helio.config`, `rule_reading`, `match_reading`. Pure. It
describes what the file may look like; `helio compile` checks more. What is valid there is valid
here.
"""

from collections.abc import Sequence
from typing import Any

from helio.config import HelioConfig
from helio.config.types import AMOUNT_FORM, DURATION_FORM, one_or_several
from helio.evaluator import HINTS
from helio.policy import installation
from helio.policy.match_reading import MATCH_KEYS, OPERATORS, QUANTIFIERS
from helio.policy.rule_reading import ACTIONS, KEYS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS = one_or_several(_TEXT)
_BOOLEAN: Schema = {"type": "boolean"}
_INTERPOLATED: Schema = {"type": "string", "pattern": r"\$\{"}
_OPERANDS: dict[str, Schema] = {
    **{name: {"type": "number"} for name in ("gt", "gte", "lt", "lte")},
    **{name: {"type": "array"} for name in ("in", "not_in")},
    **{name: {"type": "string"} for name in ("regex", "starts_with", "ends_with")},
    "exists": _BOOLEAN,
}
"""Of the operators that do not take any value."""


def schema() -> Schema:
    """The whole schema (draft 2020-12)."""
    whole = HelioConfig.model_json_schema()
    definitions = whole["$defs"]
    definitions["PoliciesConfig"]["properties"]["rules"] = {
        "type": "array",
        "items": {"$ref": "#/$defs/Rule"},
    }
    definitions["PoliciesConfig"]["properties"]["install"] = {
        "anyOf": [{"$ref": "#/$defs/Installation"}, {"type": "null"}]
    }
    definitions["ContributorConfig"]["properties"]["match"] = {"$ref": "#/$defs/Match"}
    definitions["IdentitySource"] = _identity_source()
    definitions |= {"Rule": _rule(), "Match": _match(), "Test": _test()}
    definitions |= {"Installation": _installation()}
    properties = {name: _as_written(each) for name, each in whole["properties"].items()}
    named = {name: _as_written(each) for name, each in sorted(definitions.items())}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "helio.yaml",
        "description": whole["description"],
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": True},
        "required": ["version"],
        "additionalProperties": False,
        "$defs": named,
    }


def _as_written(part: Any, *, is_schema: bool = True) -> Any:
    """A part as the file may have it: without defaults, which are values of the models, and with
    `${NAME}` for whatever is no mapping and no list."""
    if isinstance(part, list):
        return [_as_written(each) for each in part]
    if not isinstance(part, dict):
        return part
    if not is_schema:
        return {name: _as_written(each) for name, each in part.items()}
    kept = {
        name: _as_written(each, is_schema=name not in ("properties", "patternProperties"))
        for name, each in part.items()
        if name not in ("default", "title")
    }
    bound = {"enum", "const", "pattern"} & kept.keys() and kept != _INTERPOLATED
    if bound or kept.get("type") in ("boolean", "integer", "number"):
        return {"anyOf": [kept, _INTERPOLATED]}
    return kept


def _object(properties: Schema, required: Sequence[str] = (), **more: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


_RULE_NAME: Schema = {**_TEXT, "maxLength": 128}
_APPROVAL = _object(
    {
        "channel": _TEXT,
        "timeout": DURATION_FORM,
        "escalation_after": DURATION_FORM,
        "delegates": _TEXTS,
    }
)
_FEEDBACK = _object({"message": _TEXT, "suggestion": _TEXT})


def _installation() -> Schema:
    kinds = one_or_several({"enum": list(installation.KINDS)})
    match = {key: kinds if key == "kind" else _TEXTS for key in installation.MATCH_KEYS}
    rule = _object(
        {
            "name": _RULE_NAME,
            "match": _object(match),
            "action": {"enum": list(installation.ACTIONS)},
            "approval": _APPROVAL,
            "feedback": _FEEDBACK,
        },
        ("action",),
    )
    return _object(
        {"default": {"enum": ["allow", "deny"]}, "rules": {"type": "array", "items": rule}},
        description="What agents may install: the first rule that matches decides.",
    )


def _rule() -> Schema:
    key = one_or_several({"enum": list(KEYS)})
    spend = {
        "field": _TEXT,
        "limit": AMOUNT_FORM,
        "currency": _TEXT,
        "window": DURATION_FORM,
        "key": key,
    }
    limits = {
        "max_calls": {"type": "integer", "minimum": 1},
        "window": DURATION_FORM,
        "key": key,
        "max_spend": _object(spend, ("field", "limit", "currency")),
    }
    bound = {"tool": _TEXT, "bind": {"type": "object", "additionalProperties": _TEXT}}
    evidence = {
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [_TEXT, _object(bound, ("tool",))]},
    }
    return _object(
        {
            "name": _RULE_NAME,
            "match": {"$ref": "#/$defs/Match"},
            "action": {"enum": list(ACTIONS)},
            "evidence": _object({"requires": evidence}, ("requires",)),
            "requires": _TEXTS,
            "requires_success": _BOOLEAN,
            "limits": _object(limits),
            "labels": _TEXTS,
            "approval": _APPROVAL,
            "feedback": _FEEDBACK,
            "shadow": _BOOLEAN,
        },
        description="One rule: the first that matches decides.",
    )


def _match() -> Schema:
    tests = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Test"}}
    forms: dict[str, Schema] = {
        "annotations": _object(dict.fromkeys(HINTS, _BOOLEAN)),
        "input": tests,
        "metadata": tests,
        "session": _object(dict.fromkeys(("labels", "called", "not_called"), _TEXTS)),
    }
    return _object({key: forms.get(key, _TEXTS) for key in MATCH_KEYS})


def _test() -> Schema:
    operators = {name: _OPERANDS.get(name, {}) for name in OPERATORS}
    inner = _object(operators, minProperties=1)
    whole = _object({**operators, **dict.fromkeys(QUANTIFIERS, inner)}, minProperties=1)
    return {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, whole]}


def _identity_source() -> Schema:
    kinds = ("header", "legacy_header")
    named = [_object({kind: _TEXT}, (kind,)) for kind in kinds]
    return {"anyOf": [{"enum": list(kinds)}, *named]}
