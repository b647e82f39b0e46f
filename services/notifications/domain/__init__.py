"""The rules of notifying: whom, when, how often, in which words. Pure: no clock, no database, no cloud."""
