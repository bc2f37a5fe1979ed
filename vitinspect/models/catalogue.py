"""Well-known models by name: their source, head, licence and input.

For models of timm, the licence, the normalisation and the input come from timm's own records; for the others they are
listed here as their authors' pages state them.
"""

from __future__ import annotations

from dataclasses import dataclass

CLASSIFIER = "classifier of ImageNet"
NONE = "none: add --head, or explain features"
TEXT = "texts (image-text model)"


@dataclass(frozen=True)
class Entry:
    """One model that can be named."""

    source: str
    """What to write after ``--model``."""
    title: str
    head: str
    licence: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_size: tuple[int, int]
    architecture: str
    """timm's name of its structure, or the transformers library's kind."""

    @property
    def normalisation(self) -> str:
        """Mean and deviation by their usual name, where they have one."""
        known = {(0.5, 0.5): "0.5", (0.485, 0.229): "ImageNet", (0.48145466, 0.26862954): "CLIP"}
        return known.get((self.mean[0], self.std[0])) or f"mean {self.mean}, deviation {self.std}"

    @property
    def size(self) -> str:
        height, width = self.input_size
        return f"{height} px" if height == width else f"{height} x {width} px"


_TIMM = (
    ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "ViT-Ti/16", CLASSIFIER),
    ("vit_small_patch16_224.augreg_in21k_ft_in1k", "ViT-S/16", CLASSIFIER),
    ("vit_base_patch16_224.augreg2_in21k_ft_in1k", "ViT-B/16", CLASSIFIER),
    ("vit_large_patch16_224.augreg_in21k_ft_in1k", "ViT-L/16", CLASSIFIER),
    ("deit_small_patch16_224.fb_in1k", "DeiT-S/16", CLASSIFIER),
    ("deit_base_patch16_224.fb_in1k", "DeiT-B/16", CLASSIFIER),
    ("deit_base_distilled_patch16_224.fb_in1k", "DeiT-B/16, distilled", f"two, averaged: {CLASSIFIER}"),
    ("deit3_base_patch16_224.fb_in1k", "DeiT III-B/16", CLASSIFIER),
    ("vit_base_patch16_224.mae", "MAE-B/16", NONE),
    ("vit_large_patch16_224.mae", "MAE-L/16", NONE),
    ("vit_small_patch16_224.dino", "DINO-S/16", NONE),
    ("vit_small_patch8_224.dino", "DINO-S/8", NONE),
    ("vit_base_patch16_224.dino", "DINO-B/16", NONE),
    ("vit_small_patch14_dinov2.lvd142m", "DINOv2-S/14", NONE),
    ("vit_base_patch14_dinov2.lvd142m", "DINOv2-B/14", NONE),
    ("vit_large_patch14_dinov2.lvd142m", "DINOv2-L/14", NONE),
    ("vit_small_patch14_reg4_dinov2.lvd142m", "DINOv2-S/14, registers", NONE),
    ("vit_base_patch14_reg4_dinov2.lvd142m", "DINOv2-B/14, registers", NONE),
    ("vit_small_patch16_dinov3.lvd1689m", "DINOv3-S/16", NONE),
    ("vit_base_patch16_dinov3.lvd1689m", "DINOv3-B/16", NONE),
    ("vit_large_patch16_dinov3.lvd1689m", "DINOv3-L/16", NONE),
    ("vit_base_patch32_clip_quickgelu_224.openai", "CLIP-B/32, image tower", "embeddings of texts"),
    ("vit_base_patch16_clip_quickgelu_224.openai", "CLIP-B/16, image tower", "embeddings of texts"),
    ("vit_base_patch16_siglip_224.webli", "SigLIP-B/16, image tower", "embeddings of texts"),
    ("vit_base_patch16_siglip_224.v2_webli", "SigLIP 2-B/16, image tower", "embeddings of texts"),
    ("eva02_base_patch14_448.mim_in22k_ft_in22k_in1k", "EVA-02-B/14", CLASSIFIER),
    ("eva02_base_patch14_224.mim_in22k", "EVA-02-B/14, pre-trained", NONE),
)

_HALF = ((0.5,) * 3, (0.5,) * 3)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

_OTHERS = (
    Entry("google/vit-base-patch16-224", "ViT-B/16", CLASSIFIER, "apache-2.0", *_HALF, (224, 224), "vit"),
    Entry("facebook/deit-base-distilled-patch16-224", "DeiT-B/16, distilled", f"two, averaged: {CLASSIFIER}",
          "apache-2.0", *_IMAGENET, (224, 224), "deit"),
    Entry("facebook/dinov2-base-imagenet1k-1-layer", "DINOv2-B/14 with a linear head", CLASSIFIER, "apache-2.0",
          *_IMAGENET, (224, 224), "dinov2"),
    Entry("facebook/dinov2-with-registers-base-imagenet1k-1-layer", "DINOv2-B/14, registers, with a linear head",
          CLASSIFIER, "apache-2.0", *_IMAGENET, (224, 224), "dinov2_with_registers"),
    Entry("facebook/dinov3-vits16-pretrain-lvd1689m", "DINOv3-S/16", NONE, "dinov3-license", *_IMAGENET, (224, 224),
          "dinov3_vit"),
    Entry("facebook/vit-mae-base", "MAE-B/16", NONE, "apache-2.0", *_IMAGENET, (224, 224), "vit_mae"),
    Entry("openai/clip-vit-base-patch32", "CLIP-B/32", TEXT, "mit (the repository's)", *_CLIP, (224, 224), "clip"),
    Entry("openai/clip-vit-large-patch14", "CLIP-L/14", TEXT, "mit (the repository's)", *_CLIP, (224, 224), "clip"),
    Entry("google/siglip-base-patch16-224", "SigLIP-B/16", TEXT, "apache-2.0", *_HALF, (224, 224), "siglip"),
)  # fmt: skip


def catalogue(search: str = "") -> list[Entry]:
    """The entries that have all words of ``search`` in their name, title, head or licence; the bundled model first."""
    words = search.casefold().split()
    return [
        entry
        for entry in (_bundled(), *map(_of_timm, _TIMM), *_OTHERS)
        if all(word in f"{entry.source} {entry.title} {entry.head} {entry.licence}".casefold() for word in words)
    ]


def _bundled() -> Entry:
    from vitinspect.models.checkpoints import read_json
    from vitinspect.resources import demo_model_folder

    config = read_json(demo_model_folder() / "config.json")
    settings = config["pretrained_cfg"]
    _, height, width = settings["input_size"]
    return Entry(
        "demo",
        "the bundled model, trained on generated scenes",
        f"classifier of {settings['num_classes']} shapes",
        "the project's",
        tuple(settings["mean"]),
        tuple(settings["std"]),
        (height, width),
        str(config["architecture"]),
    )


def _of_timm(given: tuple[str, str, str]) -> Entry:
    from timm.models import get_pretrained_cfg

    name, title, head = given
    config = get_pretrained_cfg(name)
    assert config is not None
    _, height, width = config.input_size
    licence = config.license or "not stated"
    return Entry(name, title, head, licence, config.mean, config.std, (height, width), name.split(".")[0])
