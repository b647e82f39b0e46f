"""Plays the story against a running platform and says whether it held."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx

from services.kernel.errors import CareslotError
from services.local.aws import Aws
from services.local.demo.client import StoryFault
from services.local.demo.story import Story
from services.local.demo.tap import Tap
from services.local.demo.telling import Telling
from services.local.state import running_platform


def play(folder: Path, telling: Telling) -> bool:
    """Play every step; tell and return False at the first that is not as the story says."""
    state = running_platform(folder)
    aws = Aws(state.emulator)
    with Tap(aws, state.bus, telling.heard) as tap:
        story = Story(state, aws, tap)
        steps = story.steps()
        try:
            for title, step in steps:
                telling.step(title)
                try:
                    telling.saw(step())
                except (StoryFault, CareslotError) as fault:
                    telling.failed(title, str(fault))
                    return False
                except (httpx.HTTPError, KeyError, ValueError) as fault:
                    telling.failed(title, f"{type(fault).__name__}: {fault}")
                    return False
        finally:
            with contextlib.suppress(StoryFault, httpx.HTTPError):
                story.clean_up()
        tap.quiet(1.0)
        telling.ended(len(steps), len(tap.heard()))
        return True
