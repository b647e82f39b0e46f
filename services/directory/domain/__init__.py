"""What a record is, which values it may hold, and who may be given which role. Pure: no clock, no database."""
