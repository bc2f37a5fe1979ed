"""The wrapped Vision Transformer: a timm module and everything the rest of vitinspect asks about it."""

from __future__ import annotations

import copy
import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vitinspect.errors import TargetError, UnsupportedModelError
from vitinspect.models import embeddings
from vitinspect.models.evaluation_state import in_evaluation_state, lock_of, own_modes
from vitinspect.models.inputs import as_batch
from vitinspect.models.labels import plain_text
from vitinspect.models.method_support import method_support
from vitinspect.models.preprocess import Prepared, Preprocessing, prepare
from vitinspect.models.recipes import Recipe, features
from vitinspect.models.wnids import class_of_wnid, is_wnid

if TYPE_CHECKING:
    from vitinspect.explainers.declaration import Method
    from vitinspect.models.text_tower import TextSide

PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Prediction:
    """A class with its predicted probability."""

    index: int
    label: str
    probability: float
    logit: float


class ViT:
    """A Vision Transformer of timm, unchanged, with properties that describe its structure.

    The module is kept as it was given: weights, mode, device. Another device or precision uses a copy, which is
    made once and kept.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocessing: Preprocessing,
        labels: Sequence[str] | None = None,
        name: str | None = None,
        source: str | None = None,
    ) -> None:
        self.module = module
        self.preprocessing = preprocessing
        self.name = name or type(module).__name__
        self.source = source or self.name
        self.text: TextSide | None = None
        """The text tower and the scale of an image-text model."""
        self.notes: list[str] = []
        """What was recognised while it was loaded, in sentences."""
        self.warnings: list[str] = []
        """Those of the notes that cast doubt on its answers."""
        self._casts: dict[torch.dtype, tuple[Any, ViT]] = {}
        self.family = family_of(module)
        self.blocks: list[nn.Module] = list(module.blocks)  # type: ignore[arg-type]
        self.outputs = _output_width(module)
        if labels is not None and len(labels) != self.outputs:
            raise UnsupportedModelError(f"{self.name} has {self.outputs} classes, but {len(labels)} labels were given.")
        names = labels if labels is not None else [""] * self.outputs
        self.labels: list[str] = [plain_text(str(name)) or f"class {i}" for i, name in enumerate(names)]
        self.has_labels = labels is not None

    # --- structure -------------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        return len(self.blocks)

    @cached_property
    def heads(self) -> int:
        """Attention heads per block (of the first block)."""
        for part in self.blocks[0].modules():
            heads = getattr(part, "num_heads", None)
            if isinstance(heads, int):
                return heads
        return 0

    @cached_property
    def differential_attention(self) -> str | None:
        """The name of the attention class whose heads are differences of two softmaxes, if there is one."""
        names = (type(part).__name__ for block in self.blocks for part in block.modules())
        return next((name for name in names if name.startswith("Diff")), None)

    @property
    def dim(self) -> int:
        return int(self.module.embed_dim)  # type: ignore[arg-type]

    @property
    def patch_size(self) -> tuple[int, int]:
        """Height and width of a patch in pixels."""
        size: Any = self.module.patch_embed.patch_size  # type: ignore[union-attr]
        height, width = (size, size) if isinstance(size, int) else size
        return int(height), int(width)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        return self.preprocessing.input_size

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches at the model's own input size."""
        return self.grid_for(*self.input_size)

    def grid_for(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches of an input of this size."""
        embed = self.module.patch_embed
        if hasattr(embed, "dynamic_feat_size"):
            rows, columns = embed.dynamic_feat_size((height, width))  # type: ignore[operator]
        elif hasattr(embed, "grid_size"):
            rows, columns = embed.grid_size
        else:
            raise UnsupportedModelError(
                f"{self.name} makes its patches by {type(embed).__name__}, whose rows and columns are not known."
            )
        return int(rows), int(columns)

    @property
    def prefix_tokens(self) -> int:
        """The number of tokens before the patches."""
        return int(getattr(self.module, "num_prefix_tokens", 0))

    @property
    def prefix_names(self) -> tuple[str, ...]:
        """The names of the tokens before the patches, in their order."""
        own = getattr(self.module, "vitinspect_prefix_names", None)
        if own:
            return tuple(own)
        names: list[str] = []
        if getattr(self.module, "cls_token", None) is not None:
            names.append("class")
        if getattr(self.module, "dist_token", None) is not None:
            names.append("distillation")
        registers = self.prefix_tokens - len(names)
        names += [f"register {i + 1}" for i in range(registers)]
        return tuple(names)

    @property
    def has_class_token(self) -> bool:
        return getattr(self.module, "cls_token", None) is not None

    @property
    def is_distilled(self) -> bool:
        return getattr(self.module, "head_dist", None) is not None

    @property
    def pooling(self) -> str:
        """How the head reads the tokens: token, avg, max, avgmax, map, prr, distilled, cls+mean, or recipe.

        ``recipe``: it reads tokens of several blocks, or registers, as ``module.vitinspect_recipe`` says.
        """
        own = getattr(self.module, "vitinspect_pooling", None)
        if own:
            return str(own)
        if self.is_distilled:
            return "distilled"
        return str(getattr(self.module, "global_pool", "token") or "none")

    @property
    def pools_prefix(self) -> bool:
        """Whether average, maximum and attention pooling include the prefix tokens."""
        if self.family == "Eva":
            # Eva's attention pool reads every token; its averages exclude the prefix.
            return self.pooling == "map"
        return bool(getattr(self.module, "pool_include_prefix", False))

    @property
    def read_blocks(self) -> int:
        """From how many blocks, counted from the last, the head reads tokens."""
        recipe = getattr(self.module, "vitinspect_recipe", None)
        return int(recipe.blocks) if recipe is not None else 1

    @property
    def has_classifier(self) -> bool:
        """Whether the outputs are classes, not an embedding."""
        if getattr(self.module, "vitinspect_embedding", False):
            return False
        return int(getattr(self.module, "num_classes", 0) or 0) > 0

    @property
    def num_classes(self) -> int:
        return self.outputs if self.has_classifier else 0

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.module.parameters()).dtype

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of the weights and the architecture, under which results are cached."""
        digest = hashlib.sha256(type(self.module).__name__.encode())
        with torch.no_grad():
            for name, tensor in sorted(self.module.state_dict().items()):
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                digest.update(tensor.detach().to("cpu").contiguous().view(torch.uint8).numpy().tobytes())
        digest.update(repr(self.preprocessing).encode())
        recipe = getattr(self.module, "vitinspect_recipe", None)
        if recipe is not None:
            digest.update(str(recipe).encode())
        return digest.hexdigest()[:16]

    # --- labels ----------------------------------------------------------------------------------------------

    def find_label(self, text: str) -> int | None:
        """The class of this name: exact, or ignoring case, or one of its synonyms (``"tabby, tabby cat"``), also with
        underscores for spaces; or of this WordNet id (``n02123045``)."""
        if text in self._label_index:
            return self._label_index[text]
        if is_wnid(text):
            return class_of_wnid(text, self.labels, self.find_label)
        folded = text.casefold()
        found = self._label_index_folded.get(folded)
        return self._label_index_folded.get(folded.replace("_", " ")) if found is None else found

    @cached_property
    def _label_index(self) -> dict[str, int]:
        index: dict[str, int] = {}
        for i, label in enumerate(self.labels):
            index.setdefault(label, i)
        return index

    @cached_property
    def _label_index_folded(self) -> dict[str, int]:
        index: dict[str, int] = {}
        for i, label in enumerate(self.labels):
            index.setdefault(label.casefold(), i)
        for i, label in enumerate(self.labels):
            for synonym in label.split(","):
                index.setdefault(synonym.strip().casefold(), i)
        return index

    def unknown_label(self, text: str) -> str:
        """A sentence for a label that does not exist, with the most similar that do."""
        close = difflib.get_close_matches(text.casefold(), list(self._label_index_folded), n=3, cutoff=0.5)
        hint = " Did you mean " + ", ".join(close) + "?" if close else ""
        return f"{self.name} has no class named {text!r}.{hint} A class index works too."

    # --- running ---------------------------------------------------------------------------------------------

    def preprocess(self, image: Any, mode: str = "crop") -> Prepared:
        """A picture as the model's input, with its place in the original."""
        return prepare(image, self.preprocessing, mode)

    def at_precision(self, precision: str | torch.dtype) -> ViT:
        """This model in another number format: itself, or a copy that is kept until the weights change."""
        dtype = PRECISIONS[precision] if isinstance(precision, str) else precision
        if dtype == self.dtype:
            return self
        with lock_of(self.module), own_modes():
            state = tuple((p.data_ptr(), p._version) for p in self.module.parameters())
            cached = self._casts.get(dtype)
            if cached is None or cached[0] != state:
                module = copy.deepcopy(self.module).to(dtype)
                clone = ViT(
                    module,
                    preprocessing=self.preprocessing,
                    labels=self.labels if self.has_labels else None,
                    name=self.name,
                    source=self.source,
                )
                clone.text, clone.notes, clone.warnings = self.text, self.notes, self.warnings
                self._casts[dtype] = cached = (state, clone)
            return cached[1]

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """The model's output for a batch (B, 3, H, W), without gradients."""
        with in_evaluation_state(self.module), torch.no_grad():
            return self.module(inputs.to(self.device, self.dtype))

    def answers(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, K) each: the logits of the classes for a batch, and their probabilities."""
        logits = self.logits(inputs).double()
        return logits, logits.softmax(-1)

    def predicted(self, outputs: torch.Tensor) -> list[int]:
        """The predicted class of each row of the module's outputs."""
        return outputs.argmax(-1).tolist()

    def features(self, inputs: torch.Tensor, recipe: str | Recipe = "class") -> torch.Tensor:
        """What a head of this recipe reads, for a batch (B, 3, H, W), without gradients.

        ``class``, ``mean``, ``class+mean``, ``class:4+mean``: see ``models.recipes.Recipe``.
        """
        chosen = Recipe.parse(recipe)
        with in_evaluation_state(self.module), torch.no_grad():
            return features(self, inputs.to(self.device, self.dtype), chosen)

    def image_embedding(self, inputs: torch.Tensor) -> torch.Tensor:
        """The embedding of a batch, as the model's library returns it, not normalised: see ``models.embeddings``."""
        with in_evaluation_state(self.module), torch.no_grad():
            return embeddings.image_embedding(self, inputs.to(self.device, self.dtype))

    def text_embedding(self, token_ids: Any) -> torch.Tensor:
        """The embeddings of texts, given as token ids (K, length), not normalised."""
        with own_modes(), torch.no_grad():
            return embeddings.text_embedding(self, token_ids)

    def similarity(self, inputs: torch.Tensor, texts: Any) -> torch.Tensor:
        """(B, K): zero-shot logits of a batch for embeddings of texts, the model's scale and bias applied."""
        with in_evaluation_state(self.module), torch.no_grad():
            return embeddings.similarity(self, inputs.to(self.device, self.dtype), texts)

    def predict(self, image: Any, top: int = 5, mode: str = "crop") -> list[Prediction]:
        """The most probable classes of a picture, best first. A path, a PIL image, an array or a tensor."""
        if not self.has_classifier:
            raise TargetError(
                f"{self.name} has no classifier, so it predicts no class. Give it a head, or texts where it has a text "
                "tower."
            )
        with own_modes():
            inputs, _ = as_batch(self, [image], mode=mode)
        logits, probabilities = (found[0].cpu() for found in self.answers(inputs))
        best = logits.topk(min(top, len(logits))).indices.tolist()
        return [Prediction(i, self.labels[i], float(probabilities[i]), float(logits[i])) for i in best]

    # --- methods ---------------------------------------------------------------------------------------------

    def why_not(self, method: str | Method) -> str | None:
        """None if the method applies to this model, otherwise the sentence that says why it does not."""
        return method_support().why_not(self, method)

    def supported_methods(self) -> list[str]:
        """The ids of all methods that apply to this model."""
        return method_support().supported_methods(self)

    def __repr__(self) -> str:
        rows, columns = self.grid
        return (
            f"<ViT {self.name}: {self.depth} blocks, {self.heads} heads, {rows}x{columns} patches, "
            f"{self.prefix_tokens} prefix tokens, {self.pooling} pooling, {self.outputs} outputs>"
        )


FAMILIES = ("VisionTransformer", "VisionTransformerDistilled", "Eva")


def family_of(module: nn.Module) -> str:
    """The timm class of this model, or ``other`` for one whose attention can be recorded all the same."""
    names = [cls.__name__ for cls in type(module).__mro__]
    for family in ("VisionTransformerDistilled", "VisionTransformer", "Eva"):
        if family in names:
            return family
    missing = [part for part in ("blocks", "patch_embed", "embed_dim") if not hasattr(module, part)]
    if missing or not isinstance(module.blocks, nn.Sequential | nn.ModuleList):
        raise UnsupportedModelError(
            f"This model is a {type(module).__name__}, not a Vision Transformer that vitinspect supports. "
            "Supported are timm's VisionTransformer (ViT, DeiT, DINOv2, MAE, CLIP and SigLIP towers) and Eva "
            "(EVA-02, DINOv3)."
        )
    return "other"


def _output_width(module: nn.Module) -> int:
    """The length of the output vector, read from the head rather than from the module's attributes."""
    head = getattr(module, "head", None)
    for part in (head, getattr(head, "fc", None)):
        if isinstance(part, nn.Linear):
            return int(part.out_features)
    if int(getattr(module, "num_classes", 0) or 0) > 0:
        return int(module.num_classes)  # type: ignore[arg-type]
    pool = getattr(module, "attn_pool", None)
    return int(getattr(pool, "out_features", 0) or module.embed_dim)  # type: ignore[arg-type]


def wrap_model(
    module: nn.Module,
    labels: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    device: str | torch.device | None = "cpu",
    *,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    source: str | None = None,
) -> ViT:
    """Wrap a timm module; its weights are kept as they are.

    ``mean`` and ``std`` replace those of timm's own configuration of the module. If ``device`` is another one, the
    module is copied there, and the one that was given stays where it is.
    """
    if not isinstance(module, nn.Module):
        raise UnsupportedModelError(f"A torch module was expected, not {type(module).__name__}.")
    family_of(module)
    if preprocessing is None:
        changes: dict[str, Any] = {}
        if mean is not None:
            changes["mean"] = tuple(float(v) for v in mean)
        if std is not None:
            changes["std"] = tuple(float(v) for v in std)
        preprocessing = Preprocessing.from_module(module, **changes)
    if device is not None:
        wanted = torch.device(device)
        current = next(module.parameters()).device
        if wanted.type != current.type or (wanted.index is not None and wanted.index != current.index):
            module = copy.deepcopy(module).to(wanted)
    return ViT(module, preprocessing=preprocessing, labels=labels, name=name, source=source)
