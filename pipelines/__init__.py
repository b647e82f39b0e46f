"""The verbs behind the command `careslot`; workflows and people call these and nothing else."""
