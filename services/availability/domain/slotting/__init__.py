"""Adaptive slotting: how long a visit lasts, how many may share a time, what is kept for the same day, and why."""
