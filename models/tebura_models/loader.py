"""Opens networks: only the file the manifest names, on the processor that was asked for.

ONNX Runtime falls back to the CPU without a word when a GPU provider fails to start; here the
provider that really took the network is found out, made to look at a picture, and named.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tebura_models.manifest import MANIFEST, NetworkEntry, PeopleEntry, load_manifest


class Provider(StrEnum):
    """What runs a network; the value is what a node's configuration says."""

    TENSORRT = "tensorrt"
    CUDA = "cuda"
    CPU = "cpu"


RUNTIME_NAMES = {
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.CPU: "CPUExecutionProvider",
}
BEST_FIRST = (Provider.TENSORRT, Provider.CUDA, Provider.CPU)


EntryT = TypeVar("EntryT", bound=NetworkEntry)
OpenedT = TypeVar("OpenedT")


class ModelError(RuntimeError):
    """A network that must not or cannot be used; the text names the file and why."""


PICTURE, ROWS, PICTURE_OF = "picture", "rows", "picture_of"
"""What a network takes, and what it puts out: people, and which picture each is in."""
ROW = 56


@dataclass(frozen=True, slots=True)
class Network:
    """An open network and the buffers its pictures go into; it belongs to one thread at a time.

    `provider` is the one that really runs it; `refused` says which better ones this build of ONNX
    Runtime has, and why they do not.
    """

    entry: PeopleEntry
    provider: Provider
    session: Any
    refused: tuple[str, ...] = ()
    _buffers: dict[tuple[int, int, int], NDArray[np.uint8]] = field(default_factory=dict)

    def pictures(self, count: int, size_px: tuple[int, int]) -> NDArray[np.uint8]:
        """The buffer (count, height, width, 3) to draw into: black where nobody ever drew.

        It is the same one each time: pictures of one size lie in the same place of it.
        """
        width, height = size_px
        key = (count, height, width)
        if key not in self._buffers:
            self._buffers[key] = np.zeros((*key, 3), np.uint8)
        return self._buffers[key]

    def run(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Look at pictures (N, height, width, 3), BGR: people (M, 56), and whose picture (M,)."""
        binding = self.session.io_binding()
        binding.bind_cpu_input(PICTURE, pictures)
        binding.bind_output(ROWS)
        binding.bind_output(PICTURE_OF)
        self.session.run_with_iobinding(binding)
        rows, picture_of = binding.copy_outputs_to_cpu()
        return rows, picture_of


def available_providers() -> tuple[Provider, ...]:
    """Providers this build of ONNX Runtime has, best first (having is not yet working)."""
    built = set(onnxruntime.get_available_providers())
    return tuple(provider for provider in BEST_FIRST if RUNTIME_NAMES[provider] in built)


def find_entry(name: str, kind: type[EntryT], manifest: Path = MANIFEST) -> EntryT:
    """The manifest's entry of this name and kind.

    Raises:
        ModelError: If there is none; the text lists those there are.
    """
    entries = {e.name: e for e in load_manifest(manifest).network if isinstance(e, kind)}
    if name not in entries:
        task = kind.__struct_config__.tag
        there = ", ".join(sorted(entries))
        raise ModelError(f"{manifest}: no network {name!r} for {task}; there are {there}")
    return entries[name]


def read_verified(entry: NetworkEntry, manifest: Path = MANIFEST) -> bytes:
    """The network's bytes, exactly those the manifest pins.

    Raises:
        ModelError: If the file is missing or its SHA-256 differs.
    """
    path = manifest.parent / entry.file
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != entry.sha256:
        raise ModelError(
            f"{path}: SHA-256 is {found}, the manifest pins {entry.sha256}; "
            "the file is corrupt or another one"
        )
    return raw


def load_network(
    name: str,
    *,
    threads: int = 1,
    providers: Sequence[Provider] = BEST_FIRST,
    manifest: Path = MANIFEST,
) -> Network:
    """Open a network that finds people, on the first of `providers` that works.

    `threads` bounds the processor threads of one inference.

    Raises:
        ModelError: If the file is not the pinned one, is no network, or no provider takes it.
    """
    entry = find_entry(name, PeopleEntry, manifest)
    # The verified bytes go in, not the path: the file cannot change between check and use.
    raw = read_verified(entry, manifest)
    try:
        return open_network(entry, raw, threads=threads, providers=providers)
    except ModelError as error:
        raise ModelError(f"{manifest.parent / entry.file}: cannot run; {error}") from error


def open_network(
    entry: PeopleEntry,
    raw: bytes,
    *,
    threads: int = 1,
    providers: Sequence[Provider] = BEST_FIRST,
) -> Network:
    """Open a network's bytes on the first of `providers` that can look at a picture.

    Raises:
        ModelError: If none can; the text says why for each.
    """

    def attempt(provider: Provider, session: Any, refused: tuple[str, ...]) -> Network:
        network = Network(entry, provider, session, refused)
        _try_out(network)
        return network

    return open_first(raw, attempt, threads=threads, providers=providers)


def open_first(
    raw: bytes,
    attempt: Callable[[Provider, Any, tuple[str, ...]], OpenedT],
    *,
    threads: int,
    providers: Sequence[Provider],
) -> OpenedT:
    """What `attempt` makes of the first provider's session that it does not refuse.

    It is given the provider, the session, and why those before were refused.

    Raises:
        ModelError: If all are refused; the text says why for each.
    """
    built = available_providers()
    absent = [
        f"{provider}: not in this build of ONNX Runtime"
        for provider in providers
        if provider not in built
    ]
    refused: list[str] = []
    for provider in (one for one in providers if one in built):
        try:
            return attempt(provider, _open(raw, provider, threads), tuple(refused))
        except ModelError as error:
            refused.append(f"{provider}: {error}")
    raise ModelError("; ".join([*absent, *refused]))


def _open(raw: bytes, provider: Provider, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads spinning between frames would take the core from tracking and the outbox.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    wanted = list(dict.fromkeys([RUNTIME_NAMES[provider], RUNTIME_NAMES[Provider.CPU]]))
    try:
        session = onnxruntime.InferenceSession(raw, options, providers=wanted)
    except Exception as error:  # the runtime's own exceptions share no public base class
        raise ModelError(f"ONNX Runtime refuses it: {error}") from error
    if session.get_providers()[0] != RUNTIME_NAMES[provider]:
        raise ModelError("the provider did not start; ONNX Runtime fell back to the CPU")
    return session


def _try_out(network: Network) -> None:
    """Look at one grey picture: some providers start, and fail or talk nonsense when they run.

    Raises:
        ModelError: If it cannot, or what comes out has not the form that all networks share.
    """
    width, height = network.entry.input.size_px
    try:
        rows, picture_of = network.run(np.full((1, height, width, 3), 128, np.uint8))
    except Exception as error:  # as above
        raise ModelError(f"the first picture fails: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != ROW or picture_of.shape != rows.shape[:1]:
        raise ModelError(f"puts out {rows.shape} and {picture_of.shape}, not people")
    if not np.isfinite(rows).all():
        raise ModelError("puts out numbers that are not finite")
