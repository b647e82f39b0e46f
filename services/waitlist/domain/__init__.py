"""The rules of waiting as pure functions over frozen data: no clock, no database, no framework."""
