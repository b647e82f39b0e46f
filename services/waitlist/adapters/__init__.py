"""Waitlist's ports made of PostgreSQL, booking over HTTP and packaged ZIP codes."""
