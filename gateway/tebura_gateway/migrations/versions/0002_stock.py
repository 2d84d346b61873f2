"""Stock: what stands in each facing. Begins empty: nothing is expected before the first count."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _slot() -> list[sa.Column[str]]:
    return [
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "stock_move",
        *_slot(),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "event"),
    )
    op.create_index("stock_move_slot", "stock_move", ["store", "place", "sku", "at_ns"])
    op.create_table(
        "stock_count",
        *_slot(),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("recorded_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "place", "sku", "at_ns"),
    )
    op.create_table(
        "stock",
        *_slot(),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("counted_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "place", "sku"),
    )


def downgrade() -> None:
    op.drop_table("stock")
    op.drop_table("stock_count")
    op.drop_table("stock_move")
