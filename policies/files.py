"""How the policies' YAML files are read: once, and a wrong one names file, key, value and what is allowed."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.kernel.errors import FieldError, Invalid

Read = TypeVar("Read")


class Strict(BaseModel):
    """Never changes after loading; a key that nothing reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def read_as(file: Path, kind: TypeAdapter[Read]) -> Read:
    """Return a YAML file's content as a type; raise Invalid if it is not there, not YAML or not of that type."""
    try:
        return kind.validate_python(yaml.safe_load(file.read_text("utf-8")))
    except OSError as fault:
        raise Invalid(f"{file}: {fault.strerror}") from None
    except yaml.YAMLError as fault:
        raise Invalid(f"{file.name} is not YAML: {fault}") from None
    except ValidationError as fault:
        errors = [FieldError(f"{file.name}:{_key(e['loc'])}", _what(e["msg"], e["input"])) for e in fault.errors()]
        raise Invalid("; ".join(f"{e.where}: {e.what}" for e in errors), errors=errors) from None


def twice(ids: list[str]) -> list[str]:
    """Return what stands more than once in a list."""
    return sorted({one for one in ids if ids.count(one) > 1})


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _what(message: str, value: object) -> str:
    told = message.removeprefix("Value error, ")
    return told if isinstance(value, dict | list) else f"{value!r}: {told}"
