"""The rules of working time and open slots, without storage or network."""
