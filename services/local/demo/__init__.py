"""The story a stranger is told: one patient's appointment from search to reminder, with every event as it happens."""
