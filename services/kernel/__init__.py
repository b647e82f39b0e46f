"""What every service needs and no business noun: errors, identity, events, storage and the edge.

A service that copied these would drift from the others in exactly the places where drift hurts patients
(audit, idempotency, access), so they live once, below everything else.
"""
