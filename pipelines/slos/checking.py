"""Whether what stands in gitops/platform/slos is what catalogue and topology ask for, and every alert has its page.

Prometheus's and Alertmanager's own tools (Debian: prometheus, prometheus-alertmanager) read the files as they would
be loaded; without them that part is left out, and said.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.findings import Finding
from pipelines.slos.files import ALERTMANAGER_SECRET, FOLDER, every_alert, every_file
from pipelines.slos.rules import RUNBOOKS
from pipelines.slos.series import expressions, recorded, selectors
from services.contracts.catalogue import catalogue

ROOT = Path(__file__).resolve().parents[2]
WRITE = "run careslot slos write"
INDEX = "README.md"
# What a page must answer, as headings.
ASKED = ("What it means for patients", "First look", "How to mend it", "Escalation")
TOOLS = ("promtool", "amtool")


def findings(root: Path = ROOT) -> list[Finding]:
    """Return what is wrong below ``root``."""
    found = [*stale(root), *pages(root), *unrecorded()]
    return found or refused_by_tools(root)


def missing_tools() -> list[str]:
    """Return which of Prometheus's and Alertmanager's tools are not installed."""
    return [tool for tool in TOOLS if not shutil.which(tool)]


def stale(root: Path) -> list[Finding]:
    """Return files that are missing, differ, or that nothing asks for."""
    wanted = every_file()
    there = {file.relative_to(root) for file in (root / FOLDER).rglob("*.yaml")}
    found = [Finding(str(path), "", "is missing", WRITE) for path in sorted(set(wanted) - there)]
    found += [Finding(str(path), "", "nothing asks for it any more", WRITE) for path in sorted(there - set(wanted))]
    for path in sorted(set(wanted) & there):
        lines, asked = (root / path).read_text("utf-8").splitlines(), wanted[path].splitlines()
        if lines != asked:
            differs = next(
                (n for n, pair in enumerate(zip(lines, asked, strict=False), 1) if pair[0] != pair[1]),
                min(len(lines), len(asked)) + 1,
            )
            found.append(Finding(str(path), f"line {differs}", "is not what the catalogue asks for", WRITE))
    return found


def pages(root: Path) -> list[Finding]:
    """Return alerts without a page, pages without an alert, and pages that leave a question open."""
    alerts = {alert.name: alert for alert in every_alert()}
    there = {file.stem: file for file in (root / RUNBOOKS).glob("*.md") if file.name != INDEX}
    found = [
        Finding(alerts[name].runbook, "", f"the alert {name} has no page", "write it: its heading is the alert's name")
        for name in sorted(set(alerts) - set(there))
    ]
    found += [
        Finding(
            f"{RUNBOOKS}/{name}.md", "", "no alert is called like it", "remove the page, or name it after its alert"
        )
        for name in sorted(set(there) - set(alerts))
    ]
    for name in sorted(set(alerts) & set(there)):
        text = there[name].read_text("utf-8")
        if not text.startswith(f"# {name}\n"):
            found.append(Finding(alerts[name].runbook, "line 1", f"does not begin with '# {name}'"))
        parts = {head.strip(): body.strip() for head, body in re.findall(r"^## (.+)\n([^#]*)", text, re.MULTILINE)}
        found += [
            Finding(alerts[name].runbook, heading, "is missing or empty", "who is called at night asks for it")
            for heading in ASKED
            if not parts.get(heading)
        ]
    index = (root / RUNBOOKS / INDEX).read_text("utf-8") if (root / RUNBOOKS / INDEX).is_file() else ""
    found += [
        Finding(f"{RUNBOOKS}/{INDEX}", name, "is not listed", "add a line that links to its page")
        for name in sorted(alerts)
        if f"]({name}.md)" not in index
    ]
    return found


def unrecorded() -> list[Finding]:
    """Return series that a rule or panel reads, and no rule records."""
    known = recorded(catalogue())
    return [
        Finding(str(FOLDER), where, f"reads {selector.name}, which no rule records")
        for where, expression in expressions(catalogue())
        for selector in selectors(expression)
        if selector.recorded and selector.name not in known
    ]


def refused_by_tools(root: Path) -> list[Finding]:
    """Return what promtool and amtool say of the files, if they are installed."""
    found = []
    with tempfile.TemporaryDirectory(prefix="careslot-slos-") as folder:
        plain = unwrapped(root, Path(folder))
        for tool, words in {"promtool": ("check", "rules"), "amtool": ("check-config",)}.items():
            files = [str(path) for path in plain if (path.name == "alertmanager.yml") == (tool == "amtool")]
            if shutil.which(tool):
                said = subprocess.run([tool, *words, *files], capture_output=True, text=True, check=False)
                if said.returncode:
                    told = " ".join((said.stdout + said.stderr).replace(folder, "").split())
                    found.append(Finding(str(FOLDER), "", f"{tool} refuses it: {told[-400:]}"))
    return found


def unwrapped(root: Path, folder: Path) -> list[Path]:
    """Write rules and routes as Prometheus and Alertmanager themselves read them; return the files."""
    made = []
    for file in sorted((root / FOLDER).rglob("*.yaml")):
        document: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        if document["kind"] == "PrometheusRule":
            made.append(folder / f"{file.stem}.yml")
            made[-1].write_text(yaml.safe_dump(document["spec"], sort_keys=False), "utf-8")
        elif document["metadata"]["name"] == ALERTMANAGER_SECRET:
            made.append(folder / "alertmanager.yml")
            made[-1].write_text(_for_old_tools(document["stringData"]["alertmanager.yaml"]), "utf-8")
    return made


def _for_old_tools(configuration: str) -> str:
    """Debian 12's amtool (0.25) does not know a webhook's ``url_file`` yet (0.26): it is shown an address instead."""
    return re.sub(r"\burl_file: /", "url: http://file.invalid/", configuration)
