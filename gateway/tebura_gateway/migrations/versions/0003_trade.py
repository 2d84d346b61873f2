"""Promotions, coupons, staff members, walk-ups, visits closed by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "member",
        sa.Column("role", sa.String(length=16), nullable=False, server_default="shopper"),
    )
    op.add_column("visit", sa.Column("discounts", sa.Text(), nullable=False, server_default="[]"))
    op.add_column(
        "visit", sa.Column("eats_in", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("visit", sa.Column("confirmed", sa.Text(), nullable=True))
    op.add_column("visit", sa.Column("closed_ns", sa.BigInteger(), nullable=True))
    op.create_table(
        "coupon",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("coupon", sa.String(length=64), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("promotion", sa.String(length=40), nullable=False),
        sa.Column("issued_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_visit", sa.String(length=120), nullable=True),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "coupon"),
    )
    op.create_index("coupon_member", "coupon", ["store", "member"])


def downgrade() -> None:
    op.drop_table("coupon")
    for name in ("closed_ns", "confirmed", "eats_in", "discounts"):
        op.drop_column("visit", name)
    op.drop_column("member", "role")
