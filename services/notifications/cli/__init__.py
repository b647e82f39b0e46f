"""What operators' verbs do with notifications."""
