"""Models under the prefix ``example:``, such as ``example:tiny``. Your own would be loaded from where you keep them."""

from __future__ import annotations


def load(name: str):
    """A module of timm, or what ``vi.wrap_model`` gives, which can bring labels along."""
    import timm
    import torch

    import vitinspect as vi

    if name != "tiny":
        raise vi.ModelError(f"example: has the model tiny, and none called {name!r}.")
    torch.manual_seed(0)
    module = timm.create_model(
        "vit_tiny_patch16_224", img_size=64, embed_dim=48, depth=2, num_heads=2, num_classes=3
    ).eval()
    return vi.wrap_model(module, labels=["circle", "square", "star"], name="example tiny")


load.names = ["tiny"]
"""What lists of models show."""
