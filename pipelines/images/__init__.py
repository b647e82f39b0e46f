"""Images of services: one Dockerfile for all, how they are built, and what is checked of them."""
