"""Open-slot search in memory: what PostgreSQL holds as bits and small arrays, read again wherever it changes."""
