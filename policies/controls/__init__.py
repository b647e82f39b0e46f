"""The controls: what we do, why, which citations it answers, and what shows that it is done."""
