"""The directory's outside: PostgreSQL, the ZIP code gazetteer, Cognito."""
