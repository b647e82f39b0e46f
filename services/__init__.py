"""The scheduling microservices: what runs, kept apart from what it runs on."""
