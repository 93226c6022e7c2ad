"""Sources: bring posts and product notifications from files, networks and catalogues onto the log, in one form."""
