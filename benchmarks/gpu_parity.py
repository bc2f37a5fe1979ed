"""Are the numbers right on this device? Compared with the authors' own, with float64 on the CPU, and in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu_tools import Setting, correlation, head, row, tf32

LRP = {
    "transformer_attribution_s0": {},
    "transformer_attribution_s1": {"start_layer": 1},
    "lrp_rollout_s0": {"variant": "rollout"},
    "full": {"variant": "full"},
    "last_layer": {"variant": "last_layer"},
    "last_layer_attn": {"variant": "last_layer_attn"},
    "origlrp_full": {"variant": "full", "rules": "original"},
}
CAMS = {"gradcam": "gradcam_raw", "layercam": "layercam_raw", "eigencam": "eigencam_raw", "scorecam": "scorecam_raw"}

Case = tuple[str, str, Any, Any, Any, np.ndarray, float]
"""Name in the table, model, input, method, target, the authors' array, the bound."""


def cases(quick: bool) -> Iterator[Case]:
    """Every array of the authors that one call of a method reproduces, in float32."""
    import vitinspect as vi
    from tests.goldens import arrays, facts, inputs_p, inputs_q, targets_p, targets_q

    places = [(0, 0)] if quick else [(0, 0), (0, 1), (1, 0), (1, 1)]
    for name in ["p1"] if quick else ["p1", "p3"]:
        attention, saliency, chefer, explain = (
            arrays(f"{name}_{kind}") for kind in ("attention_baselines", "saliency", "chefer", "vitexplain")
        )
        noise = facts(name)["float32_vs_float64_reference"]["chefer"]
        x = inputs_p(name, 0)
        for start in (0, 1, 3):
            yield "rollout", name, x, ("rollout", {"start_layer": start}), None, attention[f"i0_rollout_s{start}"], 1e-4
        for target in targets_p(name, 0):
            key = f"i0_t{target}"
            yield "attention_gradcam", name, x, "attention_gradcam", target, attention[f"{key}_gradcam_attn_raw"], 1e-4
            yield "saliency", name, x, "saliency(resolution=grid)", target, saliency[f"{key}_saliency_grid"], 1e-4
            plain = ("gradient_rollout", {"discard_ratio": 0.0, "variant": "authors"})
            yield "gradient_rollout", name, x, plain, target, explain[f"{key}_gradrollout_authors_d0.0"], 1e-4
            for variant, params in LRP.items():
                if f"{key}_{variant}" in chefer:
                    bound = max(1e-4, 40 * noise.get(f"{key}_{variant}", 0.0))
                    yield "lrp", name, x, ("lrp", params), target, chefer[f"{key}_{variant}"], bound
    for name in ["q1"] if quick else ["q1", "q3"]:
        generic, captum, cams, legrad = (
            arrays(f"{name}_{kind}") for kind in ("chefer_generic", "captum", "gradcam", "legrad_classifier")
        )
        for index, place in places:
            x, target, at = inputs_q(name, index), targets_q(name)[place], (index, place)
            yield "attention_gradient", name, x, "attention_gradient", target, generic["map"][at], 1e-4
            yield "input_x_gradient", name, x, "input_x_gradient(resolution=grid)", target, captum["ixg_grid"][at], 1e-4
            steps = "integrated_gradients(resolution=grid)"
            yield "integrated_gradients", name, x, steps, target, captum["ig50_grid"][at], 1e-4
            for method, array in CAMS.items():
                yield method, name, x, method, target, cams[array][at], 1e-4
            yield "gradcam_plus_plus", name, x, "gradcam_plus_plus", target, cams["gradcampp_raw"][at], 2e-4
            for pooling in ("all", "patch", "cls"):
                method = ("legrad", {"start_layer": 0, "pooling": pooling})
                yield "legrad", name, x, method, target, legrad[f"sum_pool_{pooling}"][at], 1e-4
    for index, place in places:
        x, target, at = inputs_q("q1", index), targets_q("q1")[place], (index, place)
        yield "legrad_seed", "q1", x, "legrad_seed", target, arrays("q1_legrad_seed")["mean_raw"][at], 1e-4
        for norm in ("l1", "l2"):
            for method in ("gmar", "gmarv2"):
                golden = arrays("q1_gmar_seed")[f"{method}_raw_{norm}_alpha1.0"][at]
                yield method, "q1", x, (method, {"norm": norm, "alpha": 1.0}), target, golden, 1e-4
        for attention, file in (("cplrp", "torchvision"), ("attnlrp", "full")):
            params = {"attention": attention, "resolution": "grid"}
            golden = arrays(f"q1_attnlrp_{file}")[f"{attention}_plain_grid"][at]
            yield "attnlrp", "q1", x, ("attnlrp", params), target, golden, 2e-4
        for gaussian in (True, False):
            params = {"block": -2, "gaussian": gaussian, "cls_token": True}
            golden = arrays("q1_reciprocam")[f"prob_b2_gauss{int(gaussian)}_cls1"][at]
            yield "reciprocam", "q1", x, ("reciprocam", params), target, golden, 1e-4
    text = vi.TextEmbedding(arrays("q2_inputs")["text_embeddings"][0])
    golden = arrays("q2_legrad_clip")["sum_all"][0, 0]
    yield "legrad, a text", "q2", inputs_q("q2", 0), ("legrad", {"start_layer": 0}), text, golden, 1e-4


def goldens(setting: Setting) -> bool:
    """Each method against its authors' arrays; on a GPU with and without rounded convolutions."""
    import torch

    import vitinspect as vi
    from tests.goldens import error, golden_module

    models = {name: vi.wrap_model(golden_module(name), device=setting.device, name=name) for name in _golden_names()}
    settings = {"as torch is set": torch.backends.cudnn.allow_tf32}
    if setting.cuda:
        settings["TF32 off"] = False
    worst: dict[str, dict[str, float]] = {}
    counts: dict[str, int] = {}
    for label, convolutions in settings.items():
        with tf32(convolutions):
            for name, model, x, method, target, golden, bound in cases(setting.quick):
                found = next(iter(vi.explain(models[model], x, [method], target).values())).values
                if name == "gradient_rollout":
                    found = found / found.max()
                off = error(found, golden)
                if name == "eigencam":  # a component has no sign
                    off = min(off, error(found, -golden))
                shares = worst.setdefault(name, {})
                shares[label] = max(shares.get(label, 0.0), off / bound)
                counts[name] = counts.get(name, 0) + (label == "as torch is set")
    head("method", "arrays", *(f"largest error, in bounds ({label})" for label in settings), numbers=len(settings) + 1)
    for name, shares in worst.items():
        row(name, counts[name], *(_marked(shares[label], shares[label] <= 1) for label in settings))
    print("\nA bound is 1e-4 of the largest value, and more where the authors' own float32 is further from float64.")
    return all(max(shares.values()) <= 1 for shares in worst.values()) and multiplex_masks(models, setting)


def _golden_names() -> tuple[str, ...]:
    return "p1", "p3", "q1", "q2", "q3"


def _marked(value: float, good: bool) -> str:
    return f"{value:.2g}" if good else f"**{value:.2g}**"


def multiplex_masks(models: dict[str, Any], setting: Setting) -> bool:
    """MUTEX cuts at medians: the masks that no rounding changes must be the authors', with their confidences."""
    import vitinspect as vi
    from tests.goldens import arrays, error, inputs_p, targets_p

    good = True
    for name in ["p1"] if setting.quick else ["p1", "p3"]:
        golden = arrays(f"{name}_mutex")
        target = targets_p(name, 0)[0]
        stable = golden["i0_maskstable_c0.01_s0_r0.5"].astype(bool)
        params = {"min_cut": 0.01, "token_ratio": 0.5, "starting_layer": 0}
        found = vi.explain(models[name], inputs_p(name, 0), [("multiplex", params)], target, details=True)
        details = next(iter(found.values())).details
        masks = golden["i0_masks_c0.01_s0_r0.5"].astype(bool)
        same = bool((np.asarray(details["masks"]).reshape(masks.shape)[stable] == masks[stable]).all())
        theirs = golden[f"i0_t{target}_confidence_c0.01_s0_r0.5"].reshape(-1)[stable.reshape(-1)]
        off = error(np.asarray(details["confidences"]).reshape(-1)[stable.reshape(-1)], theirs)
        good = good and same and off <= 1e-3
        print(
            f"\nmultiplex on {name}: {int(stable.sum())} of {stable.size} masks are stable; they are"
            f" {'the same' if same else '**not the same**'}, confidences differ by {off:.1e}."
        )
    return good


# --- every method -------------------------------------------------------------------------------------------------

FAMILIES = (
    "plain", "layer scale, registers", "average pooling", "attention pooling", "distilled", "class token and mean",
    "quick gelu, norm before (CLIP)", "parallel", "Eva, rotary, SwiGLU, normed (EVA-02)",
    "rotary, layer scale, registers (DINOv3)",
)  # fmt: skip
STEPPED = ("multiplex", "gradient_rollout")
"""These methods cut at quantiles, so that a rounding may change a whole patch."""


def all_methods(setting: Setting) -> bool:
    """Each method of the registry, with its defaults, on small models of ten kinds."""
    import vitinspect as vi
    from tests.goldens import error
    from tests.zoo import tiny_inputs, tiny_module

    ids = [info.id for info in vi.methods()]
    worst = dict.fromkeys(ids, 0.0)
    on_cpu = dict.fromkeys(ids, 0.0)
    seen = dict.fromkeys(ids, 0)
    failed: dict[str, str] = {}
    for kind in FAMILIES[:2] if setting.quick else FAMILIES:
        module = tiny_module(kind)
        here = vi.wrap_model(module, device=setting.device, name=kind)
        reference = vi.wrap_model(module, device="cpu", name=kind)
        x = tiny_inputs()
        for method in [m for m in ids if reference.why_not(m) is None]:
            try:
                exact = vi.explain(reference, x, [method], 2, "float64")[method].values
                found = vi.explain(here, x, [method], 2)[method].values
                plain = vi.explain(reference, x, [method], 2)[method].values if setting.cuda else found
            except Exception as error_found:
                failed[method] = f"{kind}: {type(error_found).__name__}: {str(error_found).splitlines()[0][:200]}"
                continue
            off, base = error(found, exact), error(plain, exact)
            if method == "eigencam":
                off, base = min(off, error(-found, exact)), min(base, error(-plain, exact))
            worst[method], on_cpu[method] = max(worst[method], off), max(on_cpu[method], base)
            seen[method] += 1
    head("method", "kinds of model", "largest error here", "largest error in float32 on the CPU", "holds")
    good = True
    for method in ids:
        bound = max(0.5 if method in STEPPED else 1e-3, 20 * on_cpu[method])
        holds = method not in failed and worst[method] <= bound
        good = good and holds
        row(
            method,
            seen[method],
            f"{worst[method]:.1e}",
            f"{on_cpu[method]:.1e}",
            failed.get(method) or ("yes" if holds else "**no**"),
        )
    return good


def bfloat16(setting: Setting) -> bool:
    """Every method on the bundled model: finite, and like float32."""
    import vitinspect as vi

    model = vi.load_model("demo", device=setting.device)
    picture = _picture(model)
    ids = [info.id for info in vi.methods()]
    if setting.quick:
        ids = ["rollout", "lrp", "saliency", "gradcam"]
    whole, half = model.logits(picture), model.at_precision("bfloat16").logits(picture).float()
    same = int(whole.argmax()) == int(half.argmax())
    print(f"The largest logit is {'the same class' if same else '**another class**'}.\n")
    head("method", "correlation with float32", numbers=1)
    good = same
    target = int(whole.argmax())
    for method in ids:
        try:
            a = vi.explain(model, picture, [method], target)[method].values
            b = vi.explain(model, picture, [method], target, "bfloat16")[method].values
        except Exception as found:
            row(method, f"**{type(found).__name__}: {str(found).splitlines()[0][:200]}**")
            good = False
            continue
        row(method, f"{correlation(a, b):.3f}")
        good = good and bool(np.isfinite(b).all())
    return good


def _picture(model: Any) -> Any:
    """A generated scene as the model sees it, so that no picture file is needed."""
    from PIL import Image

    from vitinspect.gallery.scene import make_scene

    return model.preprocess(Image.fromarray(make_scene(3, 0).image)).tensor[None].to(model.device)
