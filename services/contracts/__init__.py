"""What services promise each other, as data only: events, topology, catalogue, slot offers, OpenAPI documents."""
