"""The rules of booking as pure functions over frozen data: no clock, no database, no framework."""
