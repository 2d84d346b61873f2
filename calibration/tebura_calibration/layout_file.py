"""Writing layout files: the inverse of `tebura_contract.layout.load_layout`."""

from pathlib import Path

import tomli_w
from tebura_contract.codec import to_plain
from tebura_contract.config import ConfigError
from tebura_contract.layout import Layout, layout_problems


def write_layout(layout: Layout, path: Path, note: str) -> None:
    """Write a checked layout; a file that is there is replaced whole or not at all.

    Args:
        layout: What to write.
        path: Where to.
        note: First line of the file, as a comment: where it comes from.

    Raises:
        ConfigError: If the layout contradicts itself; nothing is written then.
    """
    problems = layout_problems(layout)
    if problems:
        raise ConfigError(path, problems)
    text = f"# {note}\n\n" + tomli_w.dumps(_without_none(to_plain(layout)))
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _without_none(tree: object) -> dict[str, object]:
    """TOML has no null; a field that is None is one that is absent."""
    assert isinstance(tree, dict)
    return {
        key: [_without_none(item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, list)
        else _without_none(value)
        if isinstance(value, dict)
        else value
        for key, value in tree.items()
        if value is not None
    }
