"""The outside of notifications: PostgreSQL, SES, SNS and the templates."""
