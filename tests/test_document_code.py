"""The Python in the documents runs, page by page, one block after the other as a reader types it.

A block below ``<!-- not run -->`` needs what a test does not have (a download, a window, user's data); it is only
parsed.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- not run -->\n)?[ ]*```python\n(.*?)```", re.DOTALL)
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md") if BLOCK.search(path.read_text("utf-8"))
)


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources").symlink_to(ROOT / "resources", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, object] = {"__name__": "__main__"}
    for skipped, block in BLOCK.findall((ROOT / page).read_text("utf-8")):
        code = textwrap.dedent(block)  # blocks in lists are indented
        if skipped:
            ast.parse(code)
        else:
            exec(compile(code, page, "exec"), names)
