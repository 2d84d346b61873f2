"""Members of a replay: which number stands for which account of a recording."""

import hashlib

from tebura_contract.entry_code import new_member_id
from tebura_contract.ids import MemberId

LONE_MEMBER = new_member_id(b"one visit")
"""Who is in the shop where a recording has no gate."""


def member_of(account: str) -> MemberId:
    """The member number that a recording's account has in a replay."""
    return new_member_id(hashlib.sha256(account.encode()).digest()[:9])
