"""What waitlist does: take requests, offer freed slots in order, take answers."""
