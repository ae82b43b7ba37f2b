"""What every section of `helio.yaml` is built on.

Above: `sections`, `identity`. Below: pydantic. Pure.
"""

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from helio.diagnostics import Interpolated


class Section(BaseModel):
    """What all sections share: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        # One validator is built, at the first use: importing this module costs little.
        defer_build=True,
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _placeholder(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: Any) -> Any:
        """A value whose variable is not set fits every type: as it is where that is
        text, else by the default. Such a configuration is compiled, never run.
        """
        if not (isinstance(value, Interpolated) and value.unset):
            return handler(value)
        try:
            return handler(value)
        except ValidationError:
            field = cls.model_fields[info.field_name]
            if field.is_required():
                return str(value)
            return field.get_default(call_default_factory=True)
