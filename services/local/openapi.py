"""The contracts on file: each service's OpenAPI document as it is served, rendered so that a change shows as a diff."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from services import contracts
from services.contracts.catalogue import catalogue

FOLDER = Path(contracts.__file__).parent / "openapi"


def render(service: str) -> str:
    """Return the service's document as text: sorted keys, two spaces, one final newline."""
    app = importlib.import_module(f"services.{service}.main").create()
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def services() -> tuple[str, ...]:
    """Return the services that have a document."""
    packages = FOLDER.parent.parent
    return tuple(name for name in catalogue() if (packages / name / "main.py").is_file())


def write(folder: Path = FOLDER) -> list[str]:
    """Write every document, remove those of services that are gone; return the names of what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"{name}.json": render(name) for name in services()}
    changed = stale(folder)
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    return changed


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the names of documents that are missing, differ from the code, or belong to no service."""
    wanted = {f"{name}.json": render(name) for name in services()}
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
