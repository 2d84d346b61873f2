"""How Alembic runs our migrations: inside the transaction that `adapters.database` opened."""

from alembic import context

from tebura_gateway.adapters.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
