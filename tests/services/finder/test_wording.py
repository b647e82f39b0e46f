"""Every text exists in English and Spanish, with the same places for names; none is left over."""

from __future__ import annotations

import re

from services.finder.api import pages
from services.finder.api.wording import SPANISH


def test_every_text_is_there_in_spanish_and_none_is_left_over() -> None:
    sources = [*(pages.FOLDER / "templates").glob("*.html"), *(pages.FOLDER / "api").glob("*.py")]
    said = {text for file in sources for text in re.findall(r'\b_\("([^"]*)"', file.read_text("utf-8"))}
    assert said == SPANISH.keys()
    for text, spanish in SPANISH.items():
        assert sorted(re.findall(r"{(\w+)}", spanish)) == sorted(re.findall(r"{(\w+)}", text)) and spanish.strip()
