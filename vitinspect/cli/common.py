"""Code shared by several commands: naming models, collecting pictures, printing lines."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.errors import (
    Cancelled,
    ImageError,
    MethodNotApplicable,
    ModelError,
    ParameterError,
    StorageFull,
    TargetError,
)
from vitinspect.names import shown

if TYPE_CHECKING:
    from PIL import Image

    from vitinspect.explainers.registry import Method
    from vitinspect.models.vit import ViT

DEFAULT_OUTPUT = Path("vitinspect-output")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a model, the same for all commands."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        "-m",
        default=None,
        metavar="SOURCE",
        help="demo (the bundled model, the default), a timm name, hf-hub:OWNER/NAME, a folder, or a checkpoint file",
    )
    group.add_argument("--arch", metavar="NAME", help="the architecture of a checkpoint that does not state it")
    group.add_argument(
        "--head",
        metavar="FILE",
        help="a linear head for a backbone: DINOv2's *_linear_head.pth, DINO's eval_linear, an evaluation file of many",
    )
    group.add_argument(
        "--head-name",
        metavar="NAME",
        help="which of the heads in that file; or the features that a head of ambiguous width reads: class+mean, "
        "interleaved, class:2 (the class tokens of two blocks)",
    )
    group.add_argument("--random", action="store_true", help="untrained weights, for checks (needs no network)")
    group.add_argument(
        "--image-size",
        type=image_size,
        metavar="PIXELS",
        help="an input size other than the model's own: 384, or 384x512 for height and width",
    )
    group.add_argument(
        "--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:1, mps (default: auto, a GPU if there is one)"
    )


def load_chosen_model(arguments: argparse.Namespace) -> ViT:
    """The model that the options name."""
    from vitinspect.models.sources import load_model

    return load_model(arguments.model or "demo", device=arguments.device or "auto", **wishes(arguments))


def wishes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options request for a model besides its source and device."""
    asked = {
        "arch": arguments.arch,
        "head": arguments.head,
        "head_name": arguments.head_name,
        "random": arguments.random or None,
        "img_size": arguments.image_size,
    }
    return {name: value for name, value in asked.items() if value is not None}


def image_size(text: str) -> tuple[int, int]:
    """A type for argparse: ``384`` or ``384x512``, height and width."""
    sides = [int(side) for side in text.casefold().split("x")]
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise argparse.ArgumentTypeError(f"must be like 384 or 384x512, not {text}")
    return sides[0], sides[-1]


def add_mode_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode",
        choices=("crop", "squash", "pad"),
        default="crop",
        help="how a picture is fitted into the model's input: crop as the model was evaluated, squash or pad to "
        "use the whole picture (default: crop)",
    )


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures, and folders of pictures")
    parser.add_argument("--recursive", "-r", action="store_true", help="include subfolders")
    parser.add_argument(
        "--max-pixels",
        type=at_least(1),
        metavar="N",
        help="open pictures of up to N pixels; larger ones are refused, since a small file can fill the memory",
    )


@dataclass(frozen=True)
class Found:
    """A picture to process."""

    path: Path
    below: Path
    """Its path in the named folder; ``.`` for a picture that was named itself."""


def gather(arguments: argparse.Namespace) -> list[Found]:
    """The pictures that the command line names, each once, in order.

    Pictures in a folder that vitinspect itself has written are left out: otherwise a second ``explain DIR --out DIR``
    would explain its own overlays.
    """
    from vitinspect.cli.frame import complain
    from vitinspect.files import made_from
    from vitinspect.images import list_images, set_max_pixels

    if arguments.max_pixels is not None:
        set_max_pixels(arguments.max_pixels)
    found: dict[Path, Found] = {}
    for path in arguments.images:
        if path.is_dir():
            listed = list_images(path, arguments.recursive)
            inside = [Found(p, p.parent.relative_to(path)) for p in listed if made_from(p) is None]
            left_out = len(listed) - len(inside)
            if left_out:
                complain(f"{left_out} of the files in {shown(path)} were made by vitinspect and are left out.")
            if not inside:
                hint = "" if arguments.recursive else " (`--recursive` includes subfolders)"
                raise ImageError(f"There are no pictures in {path}{hint}.")
            for one in inside:
                found.setdefault(one.path.absolute(), one)
        else:
            found.setdefault(path.absolute(), Found(path, Path()))
    return list(found.values())


def at_least(lowest: int) -> type[int]:
    """A type for argparse: a whole number of at least ``lowest``."""

    def whole(text: str) -> int:
        value = int(text)
        if value < lowest:
            raise argparse.ArgumentTypeError(f"must be {lowest} or more, not {value}")
        return value

    whole.__name__ = "int"
    return whole  # type: ignore[return-value]


def fraction(text: str) -> float:
    """A type for argparse: a number from 0 to 1."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, not {text}")
    return value


def percent(probability: float) -> str:
    return f"{100 * probability:5.1f} %"


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> Iterator[str]:
    """Lines of columns; those in ``right`` are right-aligned."""
    rows = [list(row) for row in rows]
    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


NOT_THE_PICTURES = (
    *(Cancelled, BrokenPipeError, StorageFull),
    *(ModelError, ParameterError, TargetError, MethodNotApplicable),
)
"""Errors of the command or of the disk, which would occur for every picture."""


class Failures:
    """The pictures that could not be used: an error of one picture does not stop the others."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.paths: list[Path] = []

    @contextmanager
    def of(self, path: Path) -> Iterator[None]:
        """Report an exception in one line, and record it as this picture's failure."""
        from vitinspect.cli.frame import complain, sentence

        try:
            yield
        except NOT_THE_PICTURES:
            raise
        except Exception as error:
            self.paths.append(path)
            said, name = sentence(error), " ".join(shown(path).split())
            complain(said if name in said else f"{name}: {said}")

    def report(self) -> int:
        """Print the number of failures, and return the command's exit code."""
        from vitinspect.cli.frame import ERROR, complain

        if self.paths and self.total > 1:
            complain(f"{len(self.paths)} of {self.total} pictures could not be used.")
        return ERROR if self.paths else 0


def threshold_of(text: str | None) -> tuple[str | None, tuple[tuple[str, float], ...] | None]:
    """``fixed=0.5`` as a mode and its number."""
    from vitinspect.thresholds import parse_threshold

    if text is None:
        return None, None
    mode, options = parse_threshold(text)
    return mode, tuple(options.items()) or None


def targets_of(model: ViT, picture: Image.Image, arguments: argparse.Namespace) -> list[Any]:
    """The targets of one picture; None means the predicted class."""
    if arguments.top:
        return [prediction.index for prediction in model.predict(picture, top=arguments.top, mode=arguments.mode)]
    return list(dict.fromkeys(arguments.target or [None]))


def applicable_methods(model: ViT) -> list[Method]:
    """Every method that applies to the model; the others are reported."""
    from vitinspect.cli.frame import complain
    from vitinspect.explainers.registry import make_method
    from vitinspect.explainers.registry import methods as known

    chosen = []
    for info in known():
        reason = model.why_not(info.id)
        if reason is None:
            chosen.append(make_method(info.id))
        else:
            complain(f"{info.id} is left out: {reason}")
    return chosen
