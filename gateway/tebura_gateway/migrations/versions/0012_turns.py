"""Several gateways on one database take turns; an answer can be taken back at any of them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turn",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("leader", sa.String(length=120), nullable=False),
        sa.Column("leads_until_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store"),
    )
    op.add_column("visit", sa.Column("held_until_ns", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("visit", "held_until_ns")
    op.drop_table("turn")
