"""What availability does, one module a purpose."""
