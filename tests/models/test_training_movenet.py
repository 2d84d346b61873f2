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


def test_people_are_chosen_as_the_network_itself_chose_them(tmp_path: Path) -> None:
    """On pictures of noise: its own rows are 17 x (y, x, score), box (y, x, y, x), score."""
    narrow(FILE, tmp_path / "narrow.onnx")
    augment(tmp_path / "narrow.onnx", tmp_path / "ours.onnx", Family.MOVENET_MULTIPOSE)
    theirs = onnxruntime.InferenceSession(FILE)
    ours = onnxruntime.InferenceSession(tmp_path / "ours.onnx")
    rng = np.random.default_rng(3)
    for high, wide in ((96, 160), (224, 128)):
        coarse = rng.integers(0, 255, (1, high // 8, wide // 8, 3), np.uint8)
        picture = coarse.repeat(8, axis=1).repeat(8, axis=2)
        rgb = np.ascontiguousarray(picture[..., ::-1], np.int32)
        (wanted,) = theirs.run(None, {"input:0": rgb})[0]
        rows, picture_of = ours.run(None, {"picture": picture})
        points = wanted[:, :51].reshape(-1, 17, 3)
        told = rows[:, 5:].reshape(-1, 17, 3)
        boxes = wanted[:, [52, 51, 54, 53]] * [wide, high, wide, high]
        np.testing.assert_allclose(rows[:, :4], boxes, atol=1e-3)
        np.testing.assert_allclose(rows[:, 4], wanted[:, 55], atol=1e-5)
        np.testing.assert_allclose(told[:, :, :2], points[:, :, 1::-1] * [wide, high], atol=1e-3)
        np.testing.assert_allclose(told[:, :, 2], points[:, :, 2], atol=1e-5)
        assert picture_of.tolist() == [0] * 6


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_what_follows_the_trunk_says_the_same_of_what_the_trunk_said(
    depth: int, movenet: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "models" / "training"))
    rest = importlib.import_module("movenet").MoveNet(FILE, follows=depth)
    trunk = importlib.import_module("trunk").Trunk(FILE, 1, depth)
    picture = np.random.default_rng(1).integers(0, 255, (96, 160, 3), np.uint8)
    layers = trunk.look(picture)
    with torch.no_grad():
        planes = torch.from_numpy(picture[None, ..., ::-1].astype(np.float32)).permute(0, 3, 1, 2)
        whole = movenet(planes)  # type: ignore[operator]
        ours = rest(*(torch.from_numpy(layer[None]) for layer in layers))
    assert len(layers) == depth
    assert len(rest.weights) < len(movenet.weights)  # type: ignore[attr-defined]
    for head, told in ours.items():
        assert (told - whole[head]).abs().max() < 1e-3


def test_what_was_cut_off_while_it_was_kept_goes_on_with_whole_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "models" / "training"))
    trunk = importlib.import_module("trunk")
    people = importlib.import_module("samples").People(
        np.array([[1, 2, 30.25, 40]], np.float32), np.full((1, 17, 3), 2, np.float32)
    )
    kept = trunk.Kept.made(tmp_path, (64, 32), 3, len(trunk.LAYERS))
    shapes = [(channels, 32 // s, 64 // s) for channels, s in trunk.LAYERS.items()]

    def sample(value: float) -> list[np.ndarray]:
        return [np.full(shape, value, np.float32) for shape in shapes]

    kept.add([(sample(1), people), (sample(2), people)])
    with (tmp_path / "people.jsonl").open("a") as file:
        file.write('{"boxes": [[1')
    again = trunk.Kept.made(tmp_path, (64, 32), 3, len(trunk.LAYERS))
    assert len(again) == 2
    again.add([(sample(3), people)])
    last = trunk.Kept(tmp_path)
    assert len(last) == 3
    assert [float(layer.max()) for layer in last.layers([2, 0])] == [3] * len(shapes)
    assert last.people[2].boxes.tolist() == people.boxes.tolist()
    with pytest.raises(SystemExit, match="not 4"):
        trunk.Kept.made(tmp_path, (64, 32), 4, len(trunk.LAYERS))
    with pytest.raises(SystemExit, match="not 2"):
        trunk.Kept.made(tmp_path, (64, 32), 3, 2)


def test_a_head_learns_alone(movenet: object) -> None:
    heads = importlib.import_module("movenet").HEADS
    movenet.learn_only(heads[:1])  # type: ignore[attr-defined]
    learning = [key for key, w in movenet.weights.items() if w.requires_grad]  # type: ignore[attr-defined]
    # Each head is a sum a channel, a mix of channels, and what it says, with two biases.
    assert len(learning) == 5
    picture = torch.rand(1, 3, 64, 64) * 255
    told = movenet(picture)  # type: ignore[operator]
    assert told[heads[0]].requires_grad
    assert not any(told[head].requires_grad for head in heads[1:])


def test_arms_are_chosen_as_people_are_but_for_wrists(tmp_path: Path) -> None:
    narrow(FILE, tmp_path / "narrow.onnx")
    told = {}
    for family in (Family.MOVENET_MULTIPOSE, Family.MOVENET_ARMS):
        augment(tmp_path / "narrow.onnx", tmp_path / "ours.onnx", family)
        session = onnxruntime.InferenceSession(tmp_path / "ours.onnx")
        coarse = np.random.default_rng(3).integers(0, 255, (1, 24, 24, 3), np.uint8)
        rows, _ = session.run(None, {"picture": coarse.repeat(8, axis=1).repeat(8, axis=2)})
        told[family] = rows
    people, arms = told.values()
    np.testing.assert_array_equal(people[:, :4], arms[:, :4])
    joints = [joint for joint in range(17) if joint not in (9, 10)]
    apart = np.abs(_points(people) - _points(arms))
    assert apart[:, joints, :2].max() == 0
    # Wrists far from where a middle has them win where nothing is there; noise is full of them.
    assert apart[:, [9, 10], :2].max() > 8
    assert (_points(arms)[:, joints, 2] <= _points(people)[:, joints, 2]).all()


def _points(rows: np.ndarray) -> np.ndarray:
    return rows[:, 5:].reshape(-1, 17, 3)
