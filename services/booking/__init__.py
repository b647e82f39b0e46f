"""Holds and appointments: the one service that decides who gets a slot, and the database that makes it true."""
