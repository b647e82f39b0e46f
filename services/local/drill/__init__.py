"""What goes on while a service is down: each is killed in turn under load, and the design's promises are measured."""
