"""Networks are opened only as pinned; what is wrong is named by its file."""

import shutil
from pathlib import Path

import pytest
from tebura_contract.config import ConfigError
from tebura_models import loader
from tebura_models.loader import (
    ModelError,
    Provider,
    available_providers,
    load_network,
    read_verified,
)
from tebura_models.manifest import MANIFEST, load_manifest

NAME = "movenet-multipose"


@pytest.fixture
def own_manifest(tmp_path: Path) -> Path:
    """A copy of the shipped manifest and its network, to be spoilt."""
    entry = load_manifest().network[0]
    shutil.copy(MANIFEST, tmp_path / "manifest.toml")
    shutil.copy(MANIFEST.parent / entry.file, tmp_path / entry.file)
    return tmp_path / "manifest.toml"


def test_every_shipped_file_is_the_pinned_one_and_has_its_card() -> None:
    for entry in load_manifest().network:
        assert read_verified(entry)
        assert (MANIFEST.parent / entry.card).is_file()
        assert entry.licence


def test_network_runs_and_says_on_what() -> None:
    network = load_network(NAME, threads=1, providers=[Provider.CPU])
    rows, picture_of = network.run(network.pictures(1, (256, 160)))
    assert network.provider is Provider.CPU
    assert rows.shape == (6, 56)
    assert picture_of.tolist() == [0] * 6


def test_the_buffer_for_pictures_of_one_size_is_allocated_once() -> None:
    network = load_network(NAME, providers=[Provider.CPU])
    assert network.pictures(1, (256, 160)) is network.pictures(1, (256, 160))
    assert network.pictures(1, (256, 160)).shape == (1, 160, 256, 3)


def test_a_provider_that_starts_and_then_fails_gives_way_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a GPU whose libraries load and whose kernels do not."""
    monkeypatch.setattr(loader, "available_providers", lambda: (Provider.CUDA, Provider.CPU))
    really_open = loader._open

    class Broken:
        def io_binding(self) -> None:
            raise RuntimeError("no kernel image is available")

    def opened(raw: bytes, provider: Provider, threads: int) -> object:
        return Broken() if provider is Provider.CUDA else really_open(raw, provider, threads)

    monkeypatch.setattr(loader, "_open", opened)
    network = load_network(NAME)
    assert network.provider is Provider.CPU
    [refusal] = network.refused
    assert refusal.startswith("cuda: the first picture fails: no kernel image")


def test_one_flipped_bit_is_refused_by_name(own_manifest: Path) -> None:
    path = own_manifest.parent / "movenet_multipose.onnx"
    raw = bytearray(path.read_bytes())
    raw[5_000_000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ModelError, match=r"movenet_multipose\.onnx: SHA-256") as refusal:
        load_network(NAME, manifest=own_manifest)
    assert str(path) in str(refusal.value)


def test_missing_file_is_named(own_manifest: Path) -> None:
    (own_manifest.parent / "movenet_multipose.onnx").unlink()
    with pytest.raises(ModelError, match=r"movenet_multipose\.onnx: cannot be read"):
        load_network(NAME, manifest=own_manifest)


def test_pinned_file_that_is_no_network_is_refused(own_manifest: Path) -> None:
    import hashlib

    junk = b"not a network"
    (own_manifest.parent / "movenet_multipose.onnx").write_bytes(junk)
    text = own_manifest.read_text()
    pinned = load_manifest().network[0].sha256
    own_manifest.write_text(text.replace(pinned, hashlib.sha256(junk).hexdigest()))
    with pytest.raises(ModelError, match="ONNX Runtime refuses it"):
        load_network(NAME, manifest=own_manifest)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ModelError, match="no network 'posenet' for people; there are movenet"):
        load_network("posenet")


@pytest.mark.skipif(Provider.CUDA in available_providers(), reason="this build has CUDA")
def test_a_provider_that_is_not_there_never_turns_into_the_cpu_silently() -> None:
    with pytest.raises(ModelError, match="cuda: not in this build"):
        load_network(NAME, providers=[Provider.CUDA])
    fallen_back = load_network(NAME, providers=[Provider.CUDA, Provider.CPU])
    assert fallen_back.provider is Provider.CPU


def test_manifest_with_an_unknown_key_is_refused(own_manifest: Path) -> None:
    own_manifest.write_text(own_manifest.read_text().replace("licence =", "license ="))
    with pytest.raises(ConfigError, match=r"network\[0\]\.license: unknown key") as refusal:
        load_manifest(own_manifest)
    # Each kind of network has keys of its own, and both are told of.
    assert "network[1].license: unknown key (did you mean 'licence'?)" in refusal.value.problems


def test_manifest_with_an_unknown_task_is_refused(own_manifest: Path) -> None:
    own_manifest.write_text(own_manifest.read_text().replace('task = "people"', 'task = "cats"'))
    with pytest.raises(ConfigError, match=r"network\[0\]: Invalid value 'cats'"):
        load_manifest(own_manifest)
