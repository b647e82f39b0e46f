"""Holds every template to the rules of what a message may say, before any patient can be sent one that breaks them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from jinja2 import TemplateError, nodes

from services.notifications.adapters.templates import (
    FOLDER,
    ORGANIZATION_ROOM,
    PHONE_ROOM,
    environment,
    name_of,
    variables_of,
)
from services.notifications.domain.gsm7 import TEXT_LIMIT, NotGsm7Error, septets, to_gsm7
from services.notifications.domain.messages import Channel, Kind, Language
from services.notifications.domain.opt_out import OPT_OUT_WORDS
from services.notifications.domain.wording import local_time

_PLAIN_NODES = (nodes.Template, nodes.Block, nodes.Output, nodes.TemplateData, nodes.Name)
_REPLY_WITH = {
    Language.EN: re.compile(r"\bReply ([A-Z ]+?) to\b"),
    Language.ES: re.compile(r"\bResponda ([A-Z ]+?) para\b"),
}
# Stems. What would tell why someone comes, whom they see or who they are (164.502(b)), and what the exemption for
# healthcare texts shuts out: advertising and billing (64.1200(a)(9)(iv)(C)). Links are how such texts are forged.
FORBIDDEN = re.compile(
    r"\b(?:dr|dra|doctora?|physician|clinician|nurse|provider|m[eé]dic|enfermer|specialt|especiali|diagnos|diagn[oó]s"
    r"|treatment|tratamiento|therap|terapia|surger|cirug|operaci|procedure|procedimiento|test|results?|resultado|lab"
    r"|prescri|receta|medic(?:in|ation|amento)|vaccin|vacuna|oncolog|cardiolog|psychi|psiqui|behavioral|mental|cancer"
    r"|c[aá]ncer|hiv|vih|pregnan|embaraz|pediatri|follow-up|seguimiento|patient|paciente|dear|estimad|mr|mrs|ms|sr|sra"
    r"|offer|oferta|discount|descuento|free|gratis|sale|promo|bill|factura|balance|saldo|pay|pago|copay|insur|seguro"
    r"|http|www)"
    r"|://",
    re.IGNORECASE,
)


def lint(folder: Path = FOLDER) -> list[str]:
    """Return what is wrong with the templates in ``folder``, each as ``file: fault``."""
    faults: list[str] = []
    expected = {name_of(kind, channel, language) for kind, channel, language in product(Kind, Channel, Language)}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    faults += [f"{name}: is missing" for name in sorted(expected - present)]
    faults += [f"{name}: belongs to no kind, channel and language" for name in sorted(present - expected)]
    for kind, channel, language in product(Kind, Channel, Language):
        name = name_of(kind, channel, language)
        if name in present:
            faults += [f"{name}: {fault}" for fault in _faults_of(folder, kind, channel, language)]
    return faults


def _faults_of(folder: Path, kind: Kind, channel: Channel, language: Language) -> Iterator[str]:
    read_in = environment(folder)
    source = (folder / name_of(kind, channel, language)).read_text("utf-8")
    try:
        tree = read_in.parse(source)
    except TemplateError as error:
        yield f"is not a template: {error}"
        return
    allowed = variables_of(kind, channel)
    yield from _wrong_nodes(tree, channel, allowed)
    text = "".join(data.data for data in tree.find_all(nodes.TemplateData))
    yield from (f"may not say {match.group()!r}" for match in FORBIDDEN.finditer(text))
    names = {name.name for name in tree.find_all(nodes.Name)}
    yield from (f"does not tell {name}" for name in sorted(allowed - names))
    if channel is Channel.SMS:
        yield from _wrong_text(text, source, language)


def _wrong_nodes(tree: nodes.Template, channel: Channel, allowed: frozenset[str]) -> Iterator[str]:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _PLAIN_NODES):
            yield f"may only name variables, not use {type(node).__name__}"
        elif isinstance(node, nodes.Name) and node.name not in allowed:
            yield f"may not use {node.name}"
    blocks = [block.name for block in tree.find_all(nodes.Block)]
    if blocks != (["subject", "body"] if channel is Channel.EMAIL else []):
        yield "an e-mail has the blocks subject and body, a text has none"


def _wrong_text(text: str, source: str, language: Language) -> Iterator[str]:
    reply = _REPLY_WITH[language].search(text)
    if reply is None or reply.group(1) not in OPT_OUT_WORDS:
        yield "does not say which word to reply with to opt out"
    widest = _widest(source, language)
    try:
        if (length := septets(widest)) > TEXT_LIMIT:
            yield f"takes {length} of {TEXT_LIMIT} characters at worst"
    except NotGsm7Error as error:
        yield str(error)


def _widest(source: str, language: Language) -> str:
    """Fill in the longest values there can be: every day of a year at the widest hour, in the widest zone."""
    days = (datetime(2027, 1, 1, 12, 30, tzinfo=UTC) + timedelta(days=day) for day in range(366))
    # Abbreviations have three to five characters (AKDT, +0530); UTC's has three.
    when = max((to_gsm7(local_time(day, language, Channel.SMS)) for day in days), key=septets) + "xx"
    template = environment().from_string(source.strip())
    known = {"organization": "O" * ORGANIZATION_ROOM, "callback_phone": "0" * PHONE_ROOM, "when": when}
    try:
        return template.render(known)
    except TemplateError:
        return ""  # told already, as a variable that may not be used
