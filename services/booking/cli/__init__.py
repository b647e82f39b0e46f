"""What operators' verbs do with booking."""
