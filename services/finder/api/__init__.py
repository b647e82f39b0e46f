"""The finder over HTTP: a page for people, JSON for programs, the publication for those who list times elsewhere."""
