"""Pictures, maps and masks from memory, written as the files that the window opens. No Qt."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitinspect.errors import DataError, ImageError, ParameterError
from vitinspect.files import png_bytes, slug, write_atomic
from vitinspect.images import list_images
from vitinspect.map_files import PICTURE
from vitinspect.maps import AttributionMap


class LiveFiles:
    """A folder with what a call of ``view`` handed over."""

    def __init__(self, root: Path, *, temporary: bool) -> None:
        self.root, self._temporary = root, temporary
        self.folder = ""
        """A folder of pictures that is shown as it is."""
        self.pictures: list[str] = []
        """The paths of single pictures."""
        self.maps: list[tuple[str, str, str]] = []
        """Of each map layer its name, its path (with ``{picture}`` where each picture has one), and its picture."""
        self._written: set[Path] = set()

    def write(self, model: Any, images: Any, maps: Any, masks: Any) -> None:
        self._write_pictures(model, images, masks is not None, maps is not None)
        if maps is not None:
            self._write_maps(maps)
        if masks is not None:
            self._write_masks(masks)

    def end(self) -> str:
        """Delete a temporary folder. One that masks were drawn into is kept, and its name returned."""
        if not self._temporary:
            return ""
        drawn = [path for path in self.root.rglob("*") if path.is_file() and path not in self._written]
        if drawn:
            return str(self.root)
        shutil.rmtree(self.root, ignore_errors=True)
        return ""

    # --- pictures ---------------------------------------------------------------------------------------------------

    def _write_pictures(self, model: Any, images: Any, with_masks: bool, with_maps: bool) -> None:
        """Masks are looked for beside pictures, so that those that get some lie in one folder; maps are found by the
        names of pictures, which must differ."""
        if images is None:
            return
        if isinstance(images, str | os.PathLike) and Path(images).is_dir() and not with_masks and not with_maps:
            self.folder = os.path.abspath(images)
            return
        given = self._listed(images)
        if not given:
            raise ImageError("There is no picture to show.")
        stems = [Path(one).stem for one in given if isinstance(one, str | os.PathLike)]
        together = with_masks or (with_maps and len(set(stems)) < len(stems))
        width = len(str(len(given)))
        used: set[str] = set()
        for number, image in enumerate(given, 1):
            if isinstance(image, str | os.PathLike):
                path = Path(os.path.abspath(image))
                if not path.is_file():
                    raise ImageError(f"There is no picture {path}.")
                if together:
                    stem = path.stem if path.stem not in used else f"{path.stem}-{number}"
                    used.add(stem)
                    path = self._linked(path, stem)
                self.pictures.append(str(path))
                continue
            target = self.root / "pictures" / f"picture-{number:0{width}}.png"
            self._put(target, png_bytes(_as_picture(image, model), {}))
            self.pictures.append(str(target))

    def _listed(self, images: Any) -> list[Any]:
        if isinstance(images, str | os.PathLike):
            path = Path(images)
            return list(list_images(path)) if path.is_dir() else [path]
        if isinstance(images, Image.Image):
            return [images]
        if hasattr(images, "ndim"):  # an array or a tensor: one picture, or a batch of them
            return [images] if images.ndim == 3 else list(images)
        return list(images)

    def _linked(self, path: Path, stem: str) -> Path:
        target = self.root / "pictures" / f"{stem}{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        self._refuse_foreign(target)
        target.unlink(missing_ok=True)
        try:
            target.symlink_to(path)
        except OSError:  # a file system without links
            shutil.copyfile(path, target)
        self._written.add(target)
        return target

    # --- maps and masks ---------------------------------------------------------------------------------------------

    def _write_maps(self, maps: Any) -> None:
        if not hasattr(maps, "items"):
            raise ParameterError('maps has a name for each: {"mine": map}, or {"mine": [map, map]} for two pictures.')
        for name, given in maps.items():
            arrays = [given] if isinstance(given, AttributionMap) or getattr(given, "ndim", 0) == 2 else list(given)
            self._need_one_each(arrays, f"The map {name!r}")
            place = self.root / "maps" / slug(str(name))
            stems = [Path(picture).stem for picture in self.pictures]
            paths = []
            for stem, array in zip(stems, arrays, strict=True):
                values = np.asarray(array.values if isinstance(array, AttributionMap) else _as_array(array))
                if values.ndim != 2 or not np.isfinite(values.astype(np.float64)).all():
                    raise DataError(f"The map {name!r} must be two-dimensional and finite, not {values.shape}.")
                paths.append(place / f"{stem}.npy")
                self._put(paths[-1], _npy(values))
            several = len(paths) > 1
            path = str(place / f"{PICTURE}.npy") if several else str(paths[0])
            self.maps.append((str(name), path, "" if several else self.pictures[0]))

    def _write_masks(self, masks: Any) -> None:
        named = masks if isinstance(masks, Mapping) else {"": masks}
        for name, given in named.items():
            arrays = [given] if getattr(given, "ndim", 0) == 2 else list(given)
            self._need_one_each(arrays, f"The mask {name!r}" if name else "masks")
            place = self.root / "masks" / (slug(str(name)) if name else "")
            for picture, array in zip(self.pictures, arrays, strict=True):
                mask = _as_array(array)
                with Image.open(picture) as opened:
                    size = opened.size
                if mask.ndim != 2 or (mask.shape[1], mask.shape[0]) not in (size, size[::-1]):
                    raise DataError(
                        f"A mask of {Path(picture).name} must be {size[1]} × {size[0]}, not of shape {mask.shape}."
                    )
                labels = mask.astype(np.uint8) * 255 if mask.dtype == bool else mask.astype(np.uint8)
                self._put(place / f"{Path(picture).stem}.png", png_bytes(Image.fromarray(labels), {}))

    def _need_one_each(self, given: Sequence[Any], what: str) -> None:
        if not self.pictures:
            raise ParameterError(f"{what} needs pictures that are named one by one, not a folder.")
        if len(given) != len(self.pictures):
            raise ParameterError(f"{what}: {len(given)} were given for {len(self.pictures)} pictures.")

    # --- files ------------------------------------------------------------------------------------------------------

    def _put(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._refuse_foreign(path, data)
        write_atomic(path, data)
        self._written.add(path)

    def _refuse_foreign(self, path: Path, data: bytes | None = None) -> None:
        """A folder that was named may hold the user's own files: the same content stays, anything else is refused."""
        if not path.exists() or path in self._written:
            return
        if path.is_symlink() and data is None:
            return
        if data is None or path.read_bytes() != data:
            raise DataError(f"{path} already exists with different content: choose another folder.")


def _as_picture(image: Any, model: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    array = _as_array(image)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    if array.ndim == 3 and array.shape[0] == 3 and np.issubdtype(array.dtype, np.floating):
        if isinstance(model, str):
            raise ImageError("A preprocessed tensor needs a loaded model, whose preprocessing is then undone.")
        mean, std = (np.reshape(v, (3, 1, 1)) for v in (model.preprocessing.mean, model.preprocessing.std))
        restored = np.clip(array.astype(np.float64) * std + mean, 0, 1)
        return Image.fromarray(np.rint(restored * 255).astype(np.uint8).transpose(1, 2, 0))
    raise ImageError(
        f"A picture is a path, a PIL picture, an array HxWx3 of uint8 or a preprocessed tensor (3, H, W), not "
        f"{array.dtype} of shape {array.shape}."
    )


def _as_array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)


def _npy(values: np.ndarray) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, values.astype(np.float32) if values.dtype != np.float64 else values, allow_pickle=False)
    return stream.getvalue()
