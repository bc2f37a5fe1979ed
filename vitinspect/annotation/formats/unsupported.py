"""Known formats that are not supported: an error names the format and what to export instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitinspect.errors import DataError

_INSTEAD = "export masks as PNG, or COCO with run lengths"


def refuse_json(document: Any, path: Path) -> DataError:
    """The sentence for a JSON file that is neither labelme nor COCO."""
    name = _name_of(document)
    if name:
        return DataError(f"{path} is {name}, which is not supported: {_INSTEAD} from that tool.")
    return DataError(f"{path} is JSON, but neither labelme (shapes) nor COCO (images, annotations).")


def _name_of(document: Any) -> str:
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return ""
    if _is_label_studio(first):
        return "a Label Studio export (brush run lengths of its own)"
    if isinstance(document, list) and {"segmentation", "image_id"} <= set(first):
        return "a COCO result list, which has no images"
    if (
        "_via_img_metadata" in first
        or "regions" in first
        or any(isinstance(v, dict) and "regions" in v for v in list(first.values())[:3])
    ):
        return "a VGG Image Annotator project"
    if {"objects", "size"} <= set(first):
        return "a Supervisely annotation"
    if "objects" in first and "imgHeight" in first:
        return "a Cityscapes polygon file"
    if "data_row" in first or "Labeled Data" in first or "DataRow ID" in first:
        return "a Labelbox export"
    if "items" in first and "categories" in first:
        return "a Datumaro file"
    if first.get("type") in ("FeatureCollection", "Feature"):
        return "GeoJSON"
    if "image" in first and "annotations" in first and isinstance(first["image"], dict):
        return "a Segment Anything (SA-1B) file or a Darwin export"
    if "item" in first and "annotations" in first:
        return "a V7 Darwin export"
    return ""


def _is_label_studio(first: dict[str, Any]) -> bool:
    if "brushlabels" in str(first)[:200_000] or "from_name" in str(first)[:200_000]:
        return True
    return "data" in first and ("annotations" in first or "completions" in first)


def refuse_xml(root_tag: str, path: Path) -> DataError:
    if root_tag == "annotation":
        return DataError(
            f"{path} is an annotation of Pascal VOC or of LabelMe's web tool, with boxes or outlines in its own format:"
            f" {_INSTEAD} from that tool."
        )
    if root_tag.endswith("svg"):
        return DataError(f"{path} is an SVG drawing, which is not supported: {_INSTEAD}.")
    return DataError(f"{path} is XML (<{root_tag}>), but not CVAT for images 1.1: {_INSTEAD}.")


_BY_ENDING = {
    ".txt": "a text file (as YOLO writes)",
    ".csv": "a table",
    ".nii": "a NIfTI volume",
    ".nii.gz": "a NIfTI volume",
    ".nrrd": "an NRRD volume",
    ".dcm": "a DICOM file",
    ".mat": "a MATLAB file",
    ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file",
    ".roi": "an ImageJ region",
    ".zip": "an archive; unpack it",
    ".parquet": "a Parquet table",
    ".ndjson": "a Labelbox export",
    ".pkl": "a Python pickle, which can hold code",
    ".pth": "a PyTorch file",
    ".pt": "a PyTorch file",
}


def refuse_ending(path: Path) -> DataError | None:
    name = path.name.casefold()
    for ending, kind in _BY_ENDING.items():
        if name.endswith(ending):
            return DataError(f"{path} is {kind}, which is not supported for masks: {_INSTEAD}.")
    return None
