"""The two trees that are compared: a revision taken out of git, and the working tree as it is."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE_FOLDERS = ("contract", "edge", "models", "calibration", "gateway", "simulator")
GIT_TIMEOUT_S = 120.0


class DiffError(ValueError):
    """What stands in the way of a comparison; the text says it for a person."""


class GitRefused(DiffError):
    """Git answered with an error."""


def working_tree(folder: Path) -> Path:
    """The root of the git tree that `folder` lies in.

    Raises:
        DiffError: If there is no git, no tree of git, or not one of ours.
    """
    try:
        said = _git(folder, "rev-parse", "--show-toplevel")
    except GitRefused as error:
        raise DiffError(f"{folder}: lies in no git repository; diff compares revisions") from error
    root = Path(said.decode().strip())
    if not (root / "simulator" / "tebura_simulator").is_dir():
        raise DiffError(f"{root}: is no working tree of this project (no simulator/ in it)")
    return root


def recordings_in(root: Path) -> tuple[Path, ...]:
    """Every recording of the working tree, committed or about to be, but nothing git ignores."""
    said = _git(
        root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.mcap"
    )
    names = sorted({name for name in said.decode().split("\0") if name})
    return tuple(root / name for name in names if (root / name).exists())


def commit_of(root: Path, revision: str) -> str:
    """The commit a revision means.

    Raises:
        DiffError: If git knows no such revision.
    """
    try:
        said = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except GitRefused as error:
        raise DiffError(f"--ref {revision}: git knows no such revision in {root}") from error
    return said.decode().strip()


@contextmanager
def tree_of(root: Path, commit: str) -> Iterator[Path]:
    """The package folders of a commit in a folder of their own, removed whatever happens.

    Taken out as an archive: the repository itself is not touched, so nothing is left in it either.
    """
    has = _git(root, "ls-tree", "--name-only", commit).decode().split()
    folders = [name for name in PACKAGE_FOLDERS if name in has]
    if "simulator" not in folders:
        raise DiffError(f"{commit[:10]}: has no simulator to replay with")
    packed = _git(root, "archive", "--format=tar", commit, "--", *folders)
    with tempfile.TemporaryDirectory(prefix="tebura-diff-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def search_path(tree: Path) -> str:
    """What makes an interpreter take the packages of a tree."""
    return ":".join(str(tree / name) for name in PACKAGE_FOLDERS)


def _git(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise DiffError("git is not installed; comparing revisions needs it") from error
    except subprocess.TimeoutExpired as error:
        raise DiffError(f"git {words[0]} took more than {GIT_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
        raise GitRefused(f"{folder}: git {words[0]}: {why}")
    return done.stdout
