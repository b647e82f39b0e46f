"""The audit trail's ports over PostgreSQL and S3."""
