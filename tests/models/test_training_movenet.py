"""MoveNet in torch is the file's own network; needs torch and onnx, and the file as it came."""

import importlib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from tebura_models.export.augment import Family, augment  # noqa: E402
from tebura_models.export.narrow import narrow  # noqa: E402
from tebura_models.manifest import load_manifest  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT.parent / "shared" / "models" / "movenet_multipose.onnx"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"no {FILE}")


@pytest.fixture
def movenet(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT / "models" / "training"))
    return importlib.import_module("movenet").MoveNet(FILE)


def test_its_heads_say_what_the_file_s_do(movenet: object) -> None:
    network = onnx.load(str(FILE))
    for name in movenet.outputs.values():  # type: ignore[attr-defined]
        info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        network.graph.output.append(info)
    session = onnxruntime.InferenceSession(network.SerializeToString())
    # Sides that are no multiple of the deepest stride's double: padding differs there if anywhere.
    picture = np.random.default_rng(0).integers(0, 255, (1, 96, 160, 3)).astype(np.int32)
    names = list(movenet.outputs.values())  # type: ignore[attr-defined]
    said = session.run(names, {"input:0": picture})
    with torch.no_grad():
        planes = torch.from_numpy(picture.astype(np.float32)).permute(0, 3, 1, 2)
        ours = movenet(planes)  # type: ignore[operator]
    for head, theirs in zip(movenet.outputs, said, strict=True):  # type: ignore[attr-defined]
        assert np.abs(ours[head].numpy() - theirs).max() < 1e-3


def test_written_without_tuning_it_is_the_shipped_file_to_the_bit(
    movenet: object, tmp_path: Path
) -> None:
    movenet.write(FILE, tmp_path / "written.onnx")  # type: ignore[attr-defined]
    narrow(tmp_path / "written.onnx", tmp_path / "narrow.onnx")
    out = tmp_path / "ours.onnx"
    augment(tmp_path / "narrow.onnx", out, Family.MOVENET_MULTIPOSE)
    (entry,) = [e for e in load_manifest().network if e.name == "movenet-multipose"]
    shipped = ROOT / "models" / "tebura_models" / entry.file
    assert out.read_bytes() == shipped.read_bytes()
