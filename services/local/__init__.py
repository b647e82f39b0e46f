"""The laptop: embedded PostgreSQL, emulated AWS, one process a service; nothing is needed but Python."""
