"""Availability over HTTP: search for everyone signed in, schedules for those who keep them."""
