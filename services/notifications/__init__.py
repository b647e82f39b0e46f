"""Notifications: tell patients about their appointments, as little as possible, once, when and how they want it.

Bookings stand without it. Its events arrive through queues into Lambda functions, so an outage only delays messages:
they are planned and sent once when it returns, and never twice.
"""
