"""What must hold in the estate and in the services, which citations ask for it, and what shows that it does."""
