"""A draft of a caption and the references of a figure's methods, to copy into a paper."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vitinspect.figures.cell_methods import members
from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.specification import FigureSpec


def caption(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> str:
    """What a reader needs to know about the figure: model, methods, classes, ranges, opacity."""
    mapped = [cell for cell in cells.values() if cell.values is not None]
    others = _plots(cells)
    if not mapped:
        return " ".join(others) or "Pictures."
    models = list(dict.fromkeys(cell.model_name for cell in mapped))
    references = list_references(cells)
    titles: dict[str, list[int]] = {}
    for cell in mapped:
        numbers = [references.index(reference) + 1 for reference in cell.references]
        titles.setdefault(_method_words(cell), numbers)
    named = ", ".join(
        f"{title} [{', '.join(map(str, numbers))}]" if numbers else title for title, numbers in titles.items()
    )
    classes = list(dict.fromkeys(cell.target_words for cell in mapped if cell.target_words))
    parts = [f"Maps of {' and '.join(models)}"]
    if classes:
        parts[0] += f" for {_listed(classes)}"
    parts[0] += f": {named}."
    parts.append(
        {
            "cell": "Each map has its own range.",
            "row": "Maps of a row share their range.",
            "column": "Maps of a column share their range.",
            "figure": "All maps share one range.",
        }[spec.ranges]
    )
    if any(cell.cell.show == "overlay" and cell.cell.by_value for cell in mapped):
        parts.append("Opacity follows the value.")
    if any(cell.cell.threshold for cell in mapped):
        modes = _listed(list(dict.fromkeys(cell.cell.threshold for cell in mapped if cell.cell.threshold)))
        parts.append(f"Solid outlines: threshold {modes}.")
    if any(cell.truth is not None for cell in cells.values()):
        parts.append("Dashed outlines: the masks of the data set.")
    return " ".join([*parts, *others])


def _plots(cells: Mapping[str, FinishedCell]) -> list[str]:
    """A sentence for each kind of plot cells."""
    shown = [cell.cell for cell in cells.values() if cell.drawing is not None]
    sentences = {
        "curves": "{} curves: the probability of the class as pixels are {}, in 50 steps; those that are not shown"
        " have the picture's mean colour.",
        "agreement": "Agreement: Spearman's rank correlation of the maps.",
        "network": "Networks: the 300 strongest arcs of attention between patches in a block, heads fused by their"
        " maximum.",
        "ceiling": "Human ceiling: mean Dice of maps and people with people, with 95 % intervals.",
    }
    found = []
    for cell in shown:
        sentence = sentences.get(cell.show, "")
        if cell.show == "curves":
            sentence = sentence.format(cell.curve.capitalize(), "shown" if cell.curve == "insertion" else "removed")
        if sentence and sentence not in found:
            found.append(sentence)
    return found


def _method_words(cell: FinishedCell) -> str:
    if cell.cell.map_file:
        return f"the map “{cell.method_title}” from a file"
    chosen, mode = members(cell.cell.method)
    if not mode:
        return cell.method_title
    weights = ""
    if cell.cell.weights and len(set(cell.cell.weights)) > 1:
        weights = " with the weights " + ", ".join(f"{w:g}" for w in cell.cell.weights)
    names = " and ".join(method.info.short or method.info.title for method in chosen)
    words = {
        "geometric": "the geometric mean",
        "product": "the product",
        "arithmetic": "the mean",
        "rank": "the mean rank",
    }
    return f"{words.get(mode, 'the ' + mode)} of {names} after {cell.cell.normalisation} normalisation{weights}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def list_references(cells: Mapping[str, FinishedCell]) -> list[str]:
    """The citations of the methods, in the order of their numbers in the caption."""
    return list(dict.fromkeys(reference for cell in cells.values() for reference in cell.references))


def bibtex(cells: Mapping[str, FinishedCell]) -> str:
    """The same as BibTeX entries, with what the citation contains."""
    entries = []
    for reference in list_references(cells):
        year = re.search(r"\b(19|20)\d\d\b", reference)
        author = re.split(r"\bet al\.|,|\(|&| and ", reference)[0].strip()
        key = re.sub(r"[^A-Za-z]", "", author.split()[-1] if author.split() else "ref") + (year[0] if year else "")
        entries.append(
            f"@misc{{{key},\n  author = {{{author} and others}},\n  year = {{{year[0] if year else ''}}},\n"
            f"  note = {{{reference}}}\n}}"
        )
    return "\n\n".join(entries)
