"""What an audit trail is, without a database: chains, anchors, what can be wrong with them, and their FHIR form."""
