"""The public finder: open times at facilities for people without an account, and for those who list them elsewhere."""
