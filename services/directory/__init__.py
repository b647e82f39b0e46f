"""The directory: which facilities, clinicians, specialties, visit types, patients there are, and who acts for whom.

It tells every change with the whole record and its version, so that the other services answer from projections of
their own and go on when the directory is down.
"""
