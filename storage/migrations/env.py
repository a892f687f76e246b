"""Alembic runs this; `storage.schema` has opened the connection and begun the transaction."""

from alembic import context

from storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
