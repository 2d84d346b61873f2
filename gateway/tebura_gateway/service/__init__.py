"""One handler a command or event; each runs inside one database transaction."""
