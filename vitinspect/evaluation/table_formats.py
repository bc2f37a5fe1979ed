"""A stacked table as LaTeX, Markdown, HTML and CSV."""

from __future__ import annotations

import csv
import html
import io
import textwrap
from collections.abc import Callable

from vitinspect.errors import ParameterError
from vitinspect.evaluation.stacked import Cell, Line, PaperTable
from vitinspect.evaluation.tables import Column
from vitinspect.names import UNKNOWN, csv_cell, markdown, shown
from vitinspect.version import __version__

LONGEST_FLOAT = 80
"""Tables with more lines than this do not fit on a page in any size, and become a ``longtable`` in LaTeX."""
TALLEST, WIDEST, WIDEST_SMALL = 40, 80, 110
"""About how many lines and letters fit on a page of LaTeX's ``article``; the last in the size ``scriptsize``."""


def written(table: PaperTable, suffix: str) -> str:
    """The table in the format of a file's ending."""
    if suffix not in FORMATS:
        raise ParameterError(f"A table is written as {', '.join(FORMATS)}, not {suffix or 'a file without an ending'}.")
    return FORMATS[suffix](table)


def _title(column: Column) -> str:
    return f"{column.title} {column.arrow}"


# --- Markdown ------------------------------------------------------------------------------------------------------


def markdown_text(table: PaperTable) -> str:
    """A table with one header line, in which the names of models precede those of scores."""
    head = [*table.heads, *_flat_titles(table)]
    lines = [f"<!-- written by vitinspect {__version__} -->", "", "| " + " | ".join(markdown(t) for t in head) + " |"]
    lines.append("|" + "---|" * len(table.heads) + "---:|" * len(table.columns))
    for title, rows in table.blocks:
        if title:
            lines.append(f"| **{title}** |" + " |" * (len(head) - 1))
        for line in rows:
            cells = [_md_cell(cell) for cell in line.cells]
            lines.append("| " + " | ".join([*(markdown(t) for t in _heads(line)), *cells]) + " |")
    return "\n".join([*lines, "", markdown(table.caption), ""])


def _md_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else f"<u>{cell.text}</u>" if cell.second else cell.text
    return f"{text} {cell.interval}".strip()


def _flat_titles(table: PaperTable) -> list[str]:
    titles = [_title(column) for column in table.columns]
    over = [name for name, count in table.groups for _ in range(count)]
    return [f"{name}: {title}" for name, title in zip(over, titles, strict=True)] if over else titles


def _heads(line: Line) -> tuple[str, ...]:
    """A method is named at its first line only."""
    return line.heads if line.first else ("", *line.heads[1:])


# --- LaTeX ---------------------------------------------------------------------------------------------------------

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedbl{}",
    "×": r"$\times$",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "−": "$-$",
    "…": r"\ldots{}",
    UNKNOWN: "?",
}  # fmt: skip


def tex(text: str) -> str:
    """The text as LaTeX prints it literally."""
    # Two hyphens would be joined into a dash, as in --steps.
    return "".join(_TEX.get(character, character) for character in shown(text)).replace("--", "-{}-")


def latex(table: PaperTable) -> str:
    """A booktabs table; a ``longtable`` if it is longer than a page."""
    height = len(table.lines) + len(table.blocks) + 3
    long = height > LONGEST_FLOAT
    spec = "l" * len(table.heads) + "r" * len(table.columns)
    width = len(table.heads) + len(table.columns)
    head = [*_tex_groups(table), " & ".join([*(tex(t) for t in table.heads), *map(_tex_title, table.columns)]) + r" \\"]
    body: list[str] = []
    for number, (title, rows) in enumerate(table.blocks):
        if title:
            body += [*([r"\midrule"] if number else []), rf"\multicolumn{{{width}}}{{l}}{{\emph{{{tex(title)}}}}} \\"]
        body += [" & ".join([*(tex(t) for t in _heads(line)), *map(_tex_cell, line.cells)]) + r" \\" for line in rows]
    letters = _letters(table)
    scaled = not long and (letters > WIDEST or height > TALLEST)
    packages = ["booktabs", *(["longtable"] if long else ["graphicx"] if scaled else [])]
    start = f"% written by vitinspect {__version__}; needs " + " ".join(rf"\usepackage{{{name}}}" for name in packages)
    if long:
        small = r"\tiny" if letters > WIDEST_SMALL else r"\scriptsize" if letters > WIDEST else r"\normalsize"
        size = [rf"\begingroup {small} \setlength{{\tabcolsep}}{{3pt}}"]
        return "\n".join([start, *size, *_longtable(table, spec, head, body), r"\endgroup", ""])
    to_height = height / TALLEST > letters / WIDEST
    box = r"\resizebox*{!}{0.85\textheight}{%" if to_height else r"\resizebox{\textwidth}{!}{%"
    before, after = (box, "}") if scaled else ("", "")
    lines = [
        start,
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{tex(table.caption)}}}",
        r"  \vspace{4pt}",
        f"  {before}",
        rf"  \begin{{tabular}}{{{spec}}}",
        r"    \toprule",
        *("    " + line for line in head),
        r"    \midrule",
        *("    " + line for line in body),
        r"    \bottomrule",
        rf"  \end{{tabular}}{after}",
        r"\end{table}",
        "",
    ]
    return "\n".join(line for line in lines if line.strip() or not line)


def _letters(table: PaperTable) -> int:
    """The approximate number of letters in the widest line."""
    rows = [[*table.heads, *(max(_title_lines(c), key=len) + "  " for c in table.columns)]]
    rows += [[*line.heads, *(f"{c.text} {c.interval}" for c in line.cells)] for line in table.lines]
    return sum(max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0])))


def _longtable(table: PaperTable, spec: str, head: list[str], body: list[str]) -> list[str]:
    width = len(spec)
    return [
        rf"\begin{{longtable}}{{{spec}}}",
        rf"  \caption{{{tex(table.caption)}}} \\",
        r"  \toprule",
        *("  " + line for line in head),
        r"  \midrule",
        r"  \endfirsthead",
        r"  \toprule",
        *("  " + line for line in head),
        r"  \midrule",
        r"  \endhead",
        r"  \midrule",
        rf"  \multicolumn{{{width}}}{{r}}{{\emph{{continued}}}} \\",
        r"  \endfoot",
        r"  \bottomrule",
        r"  \endlastfoot",
        *("  " + line for line in body),
        r"\end{longtable}",
    ]


def _tex_groups(table: PaperTable) -> list[str]:
    if not table.groups:
        return []
    cells, rules, place = ["" for _ in table.heads], [], len(table.heads) + 1
    for name, count in table.groups:
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{tex(name)}}}")
        rules.append(rf"\cmidrule(lr){{{place}-{place + count - 1}}}")
        place += count
    return [" & ".join(cells) + r" \\", " ".join(rules)]


def _tex_title(column: Column) -> str:
    arrow = r"$\uparrow$" if column.higher_is_better else r"$\downarrow$"
    lines = [tex(line) for line in _title_lines(column)]
    text = " ".join([lines[-1], arrow])
    return text if len(lines) == 1 else r"\shortstack[r]{" + r" \\ ".join([*lines[:-1], text]) + "}"


def _title_lines(column: Column) -> list[str]:
    """A title, broken into several lines if it is long, so that it does not widen its column."""
    return textwrap.wrap(column.title, 14, break_long_words=False) or [""]


def _tex_cell(cell: Cell) -> str:
    text = tex(cell.text)
    text = rf"\textbf{{{text}}}" if cell.best else rf"\underline{{{text}}}" if cell.second else text
    # Braces: a bracket at the start of a cell would be read as an option of the previous line.
    return f"{text} {{{cell.interval}}}" if cell.interval else text


# --- HTML ----------------------------------------------------------------------------------------------------------

_STYLE = (
    "table{border-collapse:collapse;font:14px/1.5 sans-serif}caption{caption-side:bottom;text-align:left;padding:6px 0}"
    "th,td{padding:2px 10px;text-align:right}.head{text-align:left}thead tr:first-child{border-top:2px solid}"
    "thead tr:last-child{border-bottom:1px solid}tbody{border-bottom:1px solid}"
    "tbody:last-child{border-bottom:2px solid}"
)


def _html(text: str) -> str:
    return html.escape(shown(text))


def html_page(table: PaperTable) -> str:
    """A page with only the table."""
    deep = 2 if table.groups else 1
    heads = "".join(f'<th class="head" rowspan="{deep}">{_html(t)}</th>' for t in table.heads)
    titles = "".join(f"<th>{_html(_title(c))}</th>" for c in table.columns)
    groups = "".join(f'<th colspan="{count}">{_html(name)}</th>' for name, count in table.groups)
    rows = [f"<tr>{heads}{groups}</tr>", f"<tr>{titles}</tr>"] if table.groups else [f"<tr>{heads}{titles}</tr>"]
    width = len(table.heads) + len(table.columns)
    bodies = []
    for title, lines in table.blocks:
        top = [f'<tr><th class="head" colspan="{width}">{_html(title)}</th></tr>'] if title else []
        bodies.append("<tbody>\n" + "\n".join([*top, *map(_html_line, lines)]) + "\n</tbody>")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><!-- written by vitinspect {__version__} -->',
            f"<title>Scores</title><style>{_STYLE}</style></head><body>",
            "<table>",
            f"<caption>{_html(table.caption)}</caption>",
            "<thead>",
            *rows,
            "</thead>",
            *bodies,
            "</table>",
            "</body></html>",
            "",
        ]
    )


def _html_line(line: Line) -> str:
    heads = "".join(f'<td class="head">{_html(t)}</td>' for t in _heads(line))
    return f"<tr>{heads}{''.join(f'<td>{_html_cell(cell)}</td>' for cell in line.cells)}</tr>"


def _html_cell(cell: Cell) -> str:
    text = _html(cell.text)
    text = f"<b>{text}</b>" if cell.best else f"<u>{text}</u>" if cell.second else text
    return f"{text} {cell.interval}".strip()


# --- CSV -----------------------------------------------------------------------------------------------------------


def csv_text(table: PaperTable) -> str:
    """Plain numbers: every row names its method, and intervals have columns of their own."""
    intervals = any(cell.interval for line in table.lines for cell in line.cells)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    over = [name for name, count in table.groups for _ in range(count)]
    titles = [f"{over[i]}: {c.title}" if over else c.title for i, c in enumerate(table.columns)]
    ends = ["", " low", " high"] if intervals else [""]
    writer.writerow([*table.heads, *(csv_cell(title) + end for title in titles for end in ends)])
    for line in table.lines:
        cells: list[str] = []
        for cell in line.cells:
            cells.append("" if cell.mean is None else cell.text)
            if intervals:
                low, _, high = cell.interval.strip("[]").partition(", ")
                alone = cells[-1]
                cells += [low or alone, high or alone]
        writer.writerow([*(csv_cell(shown(text)) for text in line.heads), *cells])
    return stream.getvalue()


FORMATS: dict[str, Callable[[PaperTable], str]] = {
    ".tex": latex,
    ".md": markdown_text,
    ".html": html_page,
    ".csv": csv_text,
}
