"""What differs between dev, staging and prod, and nothing else: one validated file an environment."""
