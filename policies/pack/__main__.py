"""Serves the pack to the engine. Constructing it starts a server and blocks, so that happens here and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path

# The engine starts this file in an environment that has the pack's libraries, and not this repository.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.pack.wrapping import policies

PolicyPack("careslot", policies=policies(), enforcement_level=EnforcementLevel.MANDATORY)
