"""A clinic of made-up patients in which ways to fill the day can be compared: nobody waits who is not a number."""
