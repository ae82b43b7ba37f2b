"""At every level an unknown key is an error at its place, with the key that was probably meant."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from helio.config import HelioConfig, parse_config
from helio.config.identity import IdentitySource

SHORT_FORMS = {IdentitySource}
"""Models that are no mappings of their own in the file."""


def bare(annotation: Any) -> tuple[Any, bool]:
    """The model in an annotation, if there is one, and whether it stands in a list."""
    if get_origin(annotation) in (Annotated, Union, UnionType, tuple):
        for argument in get_args(annotation):
            model, in_list = bare(argument)
            if model is not None:
                return model, in_list or get_origin(annotation) is tuple
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    return None, False


def levels(model: type[BaseModel], steps: tuple[str | int, ...]) -> Iterator[Any]:
    """Every mapping of the schema: its place and its keys."""
    yield steps, sorted(model.model_fields)
    for name, field in model.model_fields.items():
        inner, in_list = bare(field.annotation)
        if inner is not None and inner not in SHORT_FORMS:
            yield from levels(inner, (*steps, name, 0) if in_list else (*steps, name))


KEYS = [
    pytest.param(steps, key, id=".".join(map(str, (*steps, key))))
    for steps, keys in levels(HelioConfig, ())
    for key in keys
    if len(key) > 3
]


def nested(steps: tuple[str | int, ...], value: object) -> Any:
    for step in reversed(steps):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def path_of(steps: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[1:]


def misspelt(key: str) -> str:
    """The key with two letters in each other's place."""
    middle = next(i for i in range(1, len(key) - 1) if key[i] != key[i + 1])
    return key[:middle] + key[middle + 1] + key[middle] + key[middle + 2 :]


@pytest.mark.parametrize(("steps", "key"), KEYS)
def test_near_miss(steps: tuple[str | int, ...], key: str) -> None:
    wrong = misspelt(key)
    text = yaml.safe_dump(nested(steps, {wrong: 1}))
    loaded = parse_config(text, environment={}, purpose="run")
    (found,) = (each for each in loaded.diagnostics if each.code == "HL102")
    assert found.path == path_of((*steps, wrong))
    assert found.message == f"unknown key `{wrong}`"
    assert found.hint == f"did you mean `{key}`?"
    line, column, end_line, end_column = found.span
    assert line == end_line
    assert text.split("\n")[line - 1][column - 1 : end_column - 1] == wrong


def test_without_a_near_one_the_known_keys_are_listed() -> None:
    loaded = parse_config("listen: { zzz: 1 }", environment={}, purpose="run")
    (found,) = (each for each in loaded.diagnostics if each.code == "HL102")
    assert found.hint is not None
    assert found.hint.startswith("known here: `host`, `port`, `allowed_origins`")
