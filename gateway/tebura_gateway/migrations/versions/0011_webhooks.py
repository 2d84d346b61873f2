"""Webhooks: who is told what, and the messages on their way."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("webhook", sa.String(length=32), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "webhook"),
    )
    op.create_table(
        "delivery",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("webhook", sa.String(length=32), nullable=False),
        sa.Column("message", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_ns", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(length=200), nullable=False),
        sa.Column("done_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "webhook", "message"),
    )
    op.create_index("delivery_due", "delivery", ["store", "state", "next_try_ns"])
    op.create_index("delivery_created", "delivery", ["store", "webhook", "created_ns"])


def downgrade() -> None:
    op.drop_table("delivery")
    op.drop_table("webhook")
