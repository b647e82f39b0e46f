"""The web portal: pages for people, drawn from what the other services say to the user's own token."""
