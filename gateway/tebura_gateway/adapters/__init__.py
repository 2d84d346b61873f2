"""The gateway's edges: database, broker, payment providers, threads."""
