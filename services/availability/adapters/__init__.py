"""PostgreSQL and the ZIP code list behind availability's ports."""
