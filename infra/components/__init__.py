"""The building blocks of the estate: a module a concern, each a Pulumi component with frozen arguments."""
