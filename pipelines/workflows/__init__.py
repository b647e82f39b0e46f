"""What is held of .github: pinned actions as locked, least rights, one way into AWS, steps that only call verbs."""
