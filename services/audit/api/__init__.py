"""The audit trail's routes: reviews and export."""
