"""Names of places and what is known of them, in a file that is mapped into memory."""
