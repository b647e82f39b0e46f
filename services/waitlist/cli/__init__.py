"""What operators' verbs do with waitlist."""
