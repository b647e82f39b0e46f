"""The portal's ways to the outside: the services behind it, and the user pool."""
