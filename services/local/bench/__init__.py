"""What the platform does on this machine, measured from outside; one module a part, each returns figures.

Figures are for comparing a change with the state before it on one machine; no test asserts them.
"""
