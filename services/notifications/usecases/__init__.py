"""What notifications does: keep projections, plan messages, deliver what is due, let patients say what they want."""
