"""What a Pulumi program would make, without engine, credentials or cloud: recorded as data for rules and tests."""
