"""The no-show model as a file: JSON with coefficients, version and where they come from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from services.availability.domain.slotting.risk import Distance, NoShowModel, Visit, features, lead_features
from services.kernel.errors import Invalid

PACKAGED = "packaged"
_FILE = "noshow_model.json"
_NUMBERS = ("history_weight", "training_rate")


def load(source: str = PACKAGED) -> NoShowModel:
    """Return the model of the file ``source``, or the one that comes with the service; raise Invalid when it is none.

    Every coefficient must be there and a number: a model with a hole would score silently wrong.
    """
    path = files(__package__).joinpath(_FILE) if source == PACKAGED else Path(source)
    try:
        content = json.loads(path.read_text("utf-8"))
        model = NoShowModel(
            version=str(content["version"]),
            by_lead=_numbers(content["by_lead"], [name for name, _ in lead_features(0)]),
            coefficients=_numbers(content["coefficients"], [name for name, _ in features(Visit(0, 0), 1.0)]),
            distance=Distance(**_numbers(content["distance"], ["near_km", "far_km", "log_odds"])),
            **_numbers(content, list(_NUMBERS)),
        )
    except OSError as fault:
        raise Invalid(f"The no-show model {source} cannot be read: {fault.strerror}.") from None
    except (KeyError, TypeError, ValueError) as fault:
        raise Invalid(f"{source} is not a no-show model: {_told(fault)}.") from None
    return model


def save(model: NoShowModel, provenance: Mapping[str, Any], path: Path) -> None:
    """Write the model to ``path``, with ``provenance`` first: whoever opens it sees where it comes from."""
    content = {"version": model.version, "provenance": provenance, **_rounded(asdict(model))}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _numbers(content: Mapping[str, Any], names: list[str]) -> dict[str, float]:
    return {name: float(content[name]) for name in names}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, 5) if isinstance(value, float) else value


def _told(fault: Exception) -> str:
    return f"'{fault.args[0]}' is missing" if isinstance(fault, KeyError) else "it is not the JSON that was expected"
