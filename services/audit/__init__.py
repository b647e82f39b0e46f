"""The audit trail: every touch of protected data, in chains that show what was changed, removed or moved.

Entries arrive from every service over a queue of their own; one hash chain a service and day keeps them, and the
heads of the chains are kept where nobody can change them (45 CFR 164.312(b), 164.312(c)(1), 164.316(b)(2)(i)).
"""
