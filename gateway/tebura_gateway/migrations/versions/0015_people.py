"""What people agreed to, their sealed faces, their opinions."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("given_ns", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "member", "kind", "given_ns"),
    )
    op.create_index("consent_given", "consent", ["store", "given_ns"])
    op.create_table(
        "face",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("member", sa.String(length=15), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "member"),
    )
    op.create_table(
        "opinion",
        sa.Column("store", sa.String(length=63), nullable=False),
        sa.Column("visit", sa.String(length=120), nullable=False),
        sa.Column("motive", sa.String(length=16), nullable=False),
        sa.Column("comes_again", sa.Boolean(), nullable=True),
        sa.Column("told_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", "visit"),
    )
    op.create_index("opinion_told", "opinion", ["store", "told_ns"])


def downgrade() -> None:
    op.drop_index("opinion_told", table_name="opinion")
    op.drop_table("opinion")
    op.drop_table("face")
    op.drop_index("consent_given", table_name="consent")
    op.drop_table("consent")
