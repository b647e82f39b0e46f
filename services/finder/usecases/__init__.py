"""Finding and publishing open times, from answers that are kept for a while."""
