"""Run by Alembic for each command: on the connection it was given, in that connection's transaction."""

from alembic import context

from vae.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version.name,
    transactional_ddl=True,  # in SQLite too: `writing` says BEGIN itself
)
context.run_migrations()
