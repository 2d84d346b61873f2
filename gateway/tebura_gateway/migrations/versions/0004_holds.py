"""Holds, names at providers outside, closed days."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hold",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("hold", sa.String(length=200), nullable=False),
        sa.Column("visit", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("next_try_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "hold"),
    )
    op.create_index("hold_visit", "hold", ["store", "visit"])
    op.create_index("hold_due", "hold", ["store", "next_try_ns"])
    op.create_table(
        "payment_account",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("customer", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=255), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "provider", "member"),
    )
    op.create_table(
        "closing",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "day"),
    )


def downgrade() -> None:
    op.drop_table("closing")
    op.drop_table("payment_account")
    op.drop_table("hold")
