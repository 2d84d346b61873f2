"""Accounts at an online shop, purchases on their way there, and whom gates were told to bar."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "online_account",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "member"),
    )
    op.create_index("online_account_subject", "online_account", ["store", "subject"])
    op.create_table(
        "purchase",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("visit", sa.String(length=120), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("waits_ns", sa.BigInteger(), nullable=False),
        sa.Column("order_name", sa.String(length=200), nullable=False),
        sa.Column("notes", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_ns", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("store", "visit"),
    )
    op.create_index("purchase_due", "purchase", ["store", "state", "next_try_ns"])
    op.create_index("purchase_member", "purchase", ["store", "member"])
    op.add_column(
        "member", sa.Column("barred", sa.String(length=16), nullable=False, server_default="")
    )


def downgrade() -> None:
    op.drop_column("member", "barred")
    op.drop_index("purchase_member", table_name="purchase")
    op.drop_index("purchase_due", table_name="purchase")
    op.drop_table("purchase")
    op.drop_index("online_account_subject", table_name="online_account")
    op.drop_table("online_account")
