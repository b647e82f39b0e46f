"""The directory over HTTP: every route declares its one action; ids stand in paths, PHI only in bodies."""
