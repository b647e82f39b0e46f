"""When clinicians can be seen: schedules become open slots, and open slots become offers that booking trusts."""
