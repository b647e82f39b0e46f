"""What booking does when asked: each use case decides with the rules, asks the gate, and leaves the rest to ports."""
