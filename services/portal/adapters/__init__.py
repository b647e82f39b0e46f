"""The portal's ways to the outside: services, user pool, cookies, words, calendars."""
