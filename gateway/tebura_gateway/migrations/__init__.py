"""Alembic migrations of the gateway's tables, oldest first in `versions`."""
