"""The finder's way to the services it asks."""
