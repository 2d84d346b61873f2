"""The books are only ever added to: the database itself refuses changes."""

from alembic import op

revision = "0006"
down_revision = "0011"
branch_labels = None
depends_on = None

BOOKS = ("ledger_entry", "receipt", "closing", "house_account_entry")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in BOOKS:
            for deed in ("update", "delete"):
                op.execute(
                    f"create trigger {table}_no_{deed} before {deed} on {table} begin "
                    f"select raise(abort, '{table} is only ever added to'); end"
                )
        return
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as $$ begin "
        "raise exception '% is only ever added to', tg_table_name; end $$"
    )
    for table in BOOKS:
        op.execute(
            f"create trigger {table}_no_change before update or delete on {table} "
            "for each row execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in BOOKS:
            for deed in ("update", "delete"):
                op.execute(f"drop trigger {table}_no_{deed}")
        return
    for table in BOOKS:
        op.execute(f"drop trigger {table}_no_truncate on {table}")
        op.execute(f"drop trigger {table}_no_change on {table}")
    op.execute("drop function refuse_change()")
