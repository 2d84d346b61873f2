"""Prices as they were taken up: who is inside when one changes pays the lower."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "sku", "from_ns"),
    )
    op.create_index("price_from", "price", ["store", "from_ns"])


def downgrade() -> None:
    op.drop_index("price_from", table_name="price")
    op.drop_table("price")
