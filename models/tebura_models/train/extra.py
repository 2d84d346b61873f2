"""The one door to ultralytics, which only the ``train`` extra brings."""

from typing import Any

from tebura_models.train.torchvision_cpu import make_importable


class TrainExtraMissing(RuntimeError):
    """A package of the ``train`` extra is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is not installed; training and export need the train extra: "
            "pip install 'tebura[train]' (and torch for your machine)"
        )


def load_ultralytics() -> Any:
    """Import ultralytics with its reports to the outside switched off.

    Raises:
        TrainExtraMissing: If it is not installed.
    """
    try:
        make_importable()
        import ultralytics
    except ImportError as error:
        raise TrainExtraMissing(error.name or "ultralytics") from error
    # It sends usage figures and asks for updates unless told not to.
    ultralytics.settings.update({"sync": False})
    return ultralytics


def use_threads(threads: int) -> None:
    """Let ultralytics use this many processor threads; by itself it takes one."""
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = threads


def load_onnx() -> Any:
    """Import onnx.

    Raises:
        TrainExtraMissing: If it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise TrainExtraMissing("onnx") from error
    return onnx
