"""How members get accounts at payment providers outside, and what those tell by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("session", sa.String(length=255), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("begun_ns", sa.BigInteger(), nullable=False),
        sa.Column("done_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "provider", "session"),
    )
    op.create_index("enrolment_member", "enrolment", ["store", "member"])
    op.create_table(
        "payment_hint",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("hint", sa.String(length=255), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "provider", "hint"),
    )


def downgrade() -> None:
    op.drop_table("payment_hint")
    op.drop_index("enrolment_member", table_name="enrolment")
    op.drop_table("enrolment")
