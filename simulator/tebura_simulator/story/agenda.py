"""What somebody of a drawn scenario is going to do: steps in the making."""

from dataclasses import dataclass

import msgspec
from tebura_contract.ids import FacingId

from tebura_simulator.story.script import Deed, ShopperScript, Step
from tebura_simulator.story.supply import Supply

_OF_PRODUCTS = (Deed.TAKE, Deed.PUT_BACK, Deed.REFILL)


@dataclass
class Todo:
    """A step in the making.

    `is_kept`: a take of what is never given away again; `is_free`: it might as well be another.
    """

    step: Step
    is_kept: bool = False
    is_free: bool = False

    def change(self, **fields: object) -> None:
        self.step = msgspec.structs.replace(self.step, **fields)


@dataclass
class Person:
    """Somebody in the making; `script` is without what it does."""

    script: ShopperScript
    todo: list[Todo]

    def written(self) -> ShopperScript:
        return msgspec.structs.replace(self.script, do=tuple(todo.step for todo in self.todo))


def todo_at(deed: Deed, facing: FacingId, supply: Supply, **fields: object) -> Todo:
    """A step at a facing; of its product where the deed is of one."""
    sku = supply.sku(facing) if deed in _OF_PRODUCTS else None
    return Todo(msgspec.structs.replace(Step(action=deed, sku=sku, facing=facing), **fields))
