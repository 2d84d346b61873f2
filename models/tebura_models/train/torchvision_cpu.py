"""Lets torchvision's CUDA wheel be imported beside a CPU build of torch.

Its compiled part does not load there, so the operators it registers Python functions for are
missing and the import fails. Declared beforehand, with the one that training needs (non-maximum
suppression) in plain torch, everything that stays in Python works.
"""

from typing import Any


def make_importable() -> None:
    """Call before anything imports torchvision; does nothing where torch has CUDA."""
    import torch

    if torch.version.cuda is not None or hasattr(make_importable, "library"):
        return
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _suppress, "CPU")
    # The registrations live as long as the library object does.
    make_importable.library = library  # type: ignore[attr-defined]

    import torchvision.extension
    import torchvision.ops.boxes

    torchvision.extension._has_ops = lambda: True
    torchvision.extension._assert_has_ops = lambda: None
    torchvision.ops.boxes._assert_has_ops = lambda: None


def _suppress(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices of boxes that no better one covers, best first."""
    import torch

    order = scores.argsort(descending=True)
    low, high = boxes[:, :2].float(), boxes[:, 2:].float()
    area = (high - low).clamp(min=0).prod(dim=1)
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        common = (
            torch.minimum(high[best], high[order]) - torch.maximum(low[best], low[order])
        ).clamp(min=0)
        inner = common.prod(dim=1)
        order = order[inner <= iou_threshold * (area[best] + area[order] - inner)]
    return torch.stack(kept) if kept else order
