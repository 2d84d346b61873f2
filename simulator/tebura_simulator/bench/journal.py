"""Lines kept in a file as they come, so that a bench that was cut off goes on."""

from pathlib import Path

import msgspec

from tebura_simulator.bench.lines import CaseLine

Key = tuple[str, str, int, str]


class JournalFault(ValueError):
    """The file holds something else."""


class Journal:
    """Lines of cases, one JSON object each; a half line at the end is of a run that was cut off.

    What failed is not kept from running again. Lines are of the code and the layout that made
    them: whoever changes either takes a new file.

    Raises:
        JournalFault: If the file is there and holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Key, CaseLine] = {}
        whole = path.read_bytes() if path.exists() else b""
        end = whole.rfind(b"\n") + 1
        for number, raw in enumerate(whole[:end].splitlines(), start=1):
            try:
                line = msgspec.json.decode(raw, type=CaseLine)
            except msgspec.MsgspecError as error:
                raise JournalFault(f"{path}: line {number}: {error}") from error
            if not line.failure:
                self.lines[line.key()] = line
        if end < len(whole):
            path.write_bytes(whole[:end])

    def add(self, lines: list[CaseLine]) -> None:
        """Keep lines; they are in the file when this returns."""
        with self.path.open("ab") as file:
            for line in lines:
                file.write(msgspec.json.encode(line) + b"\n")
        self.lines.update((line.key(), line) for line in lines if not line.failure)
