"""Whether this version can run beside the one that is released: a canary shares its database, its bus, its clients."""
