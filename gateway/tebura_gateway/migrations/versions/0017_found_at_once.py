"""What is looked for again and again is found by an index, however many sales there were."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_IS_LATE = sa.text("late_ns IS NOT NULL")


def upgrade() -> None:
    op.create_index("settlement_due", "settlement", ["store", "next_try_ns"])
    op.create_index("refund_due", "refund", ["store", "next_try_ns"])
    op.create_index("house_refers", "house_account_entry", ["store", "refers_to"])
    op.create_index("member_role", "member", ["store", "role"])
    op.create_index(
        "visit_late",
        "visit",
        ["store", "entered_ns"],
        sqlite_where=_IS_LATE,
        postgresql_where=_IS_LATE,
    )


def downgrade() -> None:
    op.drop_index("visit_late", table_name="visit")
    op.drop_index("member_role", table_name="member")
    op.drop_index("house_refers", table_name="house_account_entry")
    op.drop_index("refund_due", table_name="refund")
    op.drop_index("settlement_due", table_name="settlement")
