"""Configuration files: TOML into frozen types, every problem reported together with its place.

Types used here should set ``forbid_unknown_fields=True``; unknown keys are errors in any case.
Parsing touches no network and no hardware.
"""

import difflib
import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tebura_contract.codec import DecodeError, from_plain

T = TypeVar("T")


class ConfigError(ValueError):
    """A file that cannot be used; `problems` lists all that is wrong, each with its place."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        super().__init__(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))


def load_toml(path: Path, kind: type[T]) -> T:
    """Read a TOML file into a msgspec struct.

    Raises:
        ConfigError: If it cannot be read, is no TOML, or has problems; all of them are listed.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"is no TOML: {error}"]) from error
    problems = _problems(tree, kind, "")
    if problems:
        raise ConfigError(path, problems)
    try:
        return from_plain(tree, kind)
    except DecodeError as error:
        raise ConfigError(path, [str(error)]) from error


def _problems(value: Any, kind: Any, place: str) -> list[str]:
    kind = _plain_kind(kind, value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct_problems(value, kind, place)
    if typing.get_origin(kind) in (tuple, list) and isinstance(value, list):
        inner = typing.get_args(kind)
        if len(inner) == 1 or (len(inner) == 2 and inner[1] is Ellipsis):
            return [
                problem
                for index, item in enumerate(value)
                for problem in _problems(item, inner[0], f"{place}[{index}]")
            ]
    if typing.get_origin(kind) is dict and isinstance(value, dict):
        inner_kind = typing.get_args(kind)[1]
        return [
            problem
            for key, item in value.items()
            for problem in _problems(item, inner_kind, f"{place}.{key}".lstrip("."))
        ]
    try:
        from_plain(value, kind)
    except DecodeError as error:
        # msgspec adds a path of its own for nested values; ours already names the place.
        return [f"{place}: {re.sub(r' - at `[^`]*`$', '', str(error))}"]
    return []


def _struct_problems(value: Any, kind: type[msgspec.Struct], place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place or 'the file'}: expected a table, got {type(value).__name__}"]
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems = []
    for key, item in value.items():
        at = f"{place}.{key}".lstrip(".")
        if key == kind.__struct_config__.tag_field:
            continue
        if key not in fields:
            close = difflib.get_close_matches(key, fields, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            problems.append(f"{at}: unknown key{hint}")
        else:
            problems += _problems(item, hints[fields[key].name], at)
    for name, field in fields.items():
        if name not in value and field.required:
            problems.append(f"{f'{place}.{name}'.lstrip('.')}: missing")
    if not problems:
        # Rules that span fields (__post_init__) can only speak once the fields are right.
        try:
            from_plain(value, kind)
        except DecodeError as error:
            problems.append(f"{place or 'the file'}: {error}")
    return problems


def _plain_kind(kind: Any, value: Any) -> Any:
    """Strip NewType and Optional, and pick the struct out of ``Struct | None`` or by its tag."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    if typing.get_origin(kind) in (types.UnionType, typing.Union) and value is not None:
        rest = [arm for arm in typing.get_args(kind) if arm is not type(None)]
        if len(rest) == 1:
            return _plain_kind(rest[0], value)
        return next((arm for arm in rest if _is_tagged(value, arm)), kind)
    return kind


def _is_tagged(value: Any, arm: Any) -> bool:
    """Whether a table says of itself that it is of this struct of a union."""
    if not (isinstance(value, dict) and isinstance(arm, type) and issubclass(arm, msgspec.Struct)):
        return False
    config = arm.__struct_config__
    return config.tag_field is not None and value.get(config.tag_field) == config.tag
