"""Booking's ports made of PostgreSQL and HTTP."""
