"""What pages decide by themselves: sessions, wishes, and what a change of a schedule touches."""
