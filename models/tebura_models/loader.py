"""Opens networks: only the file the manifest names, on the processor that was asked for.

ONNX Runtime falls back to the CPU without a word when a GPU provider fails to start; here the
provider that really took the network is found out and named.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tebura_models.manifest import MANIFEST, NetworkEntry, load_manifest


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


class ModelError(RuntimeError):
    """A network that must not or cannot be used; the text names the file and why."""


@dataclass(frozen=True, slots=True)
class Network:
    """An open network. `provider` is the one that really runs it."""

    entry: NetworkEntry
    provider: Provider
    session: Any

    def run(self, tensor: NDArray[Any]) -> list[NDArray[np.float32]]:
        """One inference: the input tensor in the entry's layout to the raw outputs."""
        name = self.session.get_inputs()[0].name
        outputs: list[NDArray[np.float32]] = self.session.run(None, {name: tensor})
        return outputs


def available_providers() -> tuple[Provider, ...]:
    """Providers this build of ONNX Runtime has, best first (having is not yet working)."""
    built = set(onnxruntime.get_available_providers())
    return tuple(provider for provider in BEST_FIRST if RUNTIME_NAMES[provider] in built)


def find_entry(name: str, manifest: Path = MANIFEST) -> NetworkEntry:
    """The manifest's entry of this name.

    Raises:
        ModelError: If there is none; the text lists those there are.
    """
    entries = {entry.name: entry for entry in load_manifest(manifest).network}
    if name not in entries:
        raise ModelError(f"{manifest}: no network {name!r}; there are {', '.join(sorted(entries))}")
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
    """Open a network on the first of `providers` that works.

    `threads` bounds the processor threads of one inference.

    Raises:
        ModelError: If the file is not the pinned one, is no network, or no provider takes it.
    """
    entry = find_entry(name, manifest)
    # The verified bytes go in, not the path: the file cannot change between check and use.
    raw = read_verified(entry, manifest)
    refused = []
    for provider in providers:
        if provider not in available_providers():
            refused.append(f"{provider}: not in this build of ONNX Runtime")
            continue
        try:
            return _open(entry, raw, provider, threads)
        except ModelError as error:
            refused.append(f"{provider}: {error}")
    raise ModelError(f"{manifest.parent / entry.file}: cannot run; {'; '.join(refused)}")


def _open(entry: NetworkEntry, raw: bytes, provider: Provider, threads: int) -> Network:
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
    return Network(entry=entry, provider=provider, session=session)
