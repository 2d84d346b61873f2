"""Films kept from run to run: drawn once for a story, a store, a look and a version of the code."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from tebura_simulator.scenes.filming import Scene
from tebura_simulator.story.script import PlatesScript, SightScript

BOUND_BYTES = 4_000_000_000
"""What all films kept may take; beyond it those go that were not used for the longest time."""
IN_USE_S = 3600.0
"""What was used within the last hour stays, also beyond the bound: somebody may be drawing it."""
_DRAWN_BY = ("mujoco", "av", "numpy")


@dataclass(frozen=True)
class FilmCache:
    """Folders of films below `root`, by what they show."""

    root: Path
    bound_bytes: int = BOUND_BYTES

    def folder(self, scene: Scene) -> Path:
        """Where a scene's films are, or are being drawn; from now on it is in use."""
        folder = self.root / key_of(scene)
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        return folder

    def trim(self) -> None:
        """Remove what was used longest ago until the rest is within the bound."""
        kept = sorted((folder.stat().st_mtime, folder) for folder in self._folders())
        sizes = {folder: _size(folder) for _, folder in kept}
        total = sum(sizes.values())
        for used_s, folder in kept:
            if total <= self.bound_bytes or used_s > time.time() - IN_USE_S:
                return
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]

    def _folders(self) -> Iterator[Path]:
        return (path for path in self.root.iterdir() if path.is_dir())


def default_cache() -> FilmCache:
    """The user's own, in the cache folder of the desktop's rules."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return FilmCache(Path(base) / "tebura" / "films")


def key_of(scene: Scene) -> str:
    """The same for the same pictures; what only plates and evidence ask of a scenario is left out.

    The scenario's seed is the sensors' (and the look's, which is given).
    """
    told = msgspec.structs.replace(
        scene.scenario, seed=0, title="", plates=PlatesScript(), sight=SightScript(), fault=()
    )
    parts = (
        msgspec.json.encode(told, order="sorted"),
        msgspec.json.encode(scene.layout, order="sorted"),
        repr(scene.look).encode(),
        repr((scene.fps, scene.has_masks)).encode(),
        code_version().encode(),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return f"{scene.scenario.name}-{digest.hexdigest()[:24]}"


@cache
def code_version() -> str:
    """A name for all that turns a story into pixels: this code, the bodies, the libraries."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for folder in (here, here.parent / "story"):
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".toml", ".npz"):
                digest.update(str(file.relative_to(here.parent)).encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    for name in _DRAWN_BY:
        digest.update(f"{name} {version(name)}".encode())
    return digest.hexdigest()[:16]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
