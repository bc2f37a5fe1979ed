"""The report as one HTML file: its content, its size, and that names are never markup."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.evaluation import html_page
from vitinspect.evaluation.html_page import OUTLINES, Drawing, Entry, ShownScore, Summary, small_jpeg, write_page
from vitinspect.evaluation.html_pictures import Asked, folder_report, run_report
from vitinspect.files import write_atomic
from vitinspect.picture_notes import notes_file
from vitinspect.resources import gallery_folder

HOSTILE = "</script><img src=x onerror=\"document.title='hacked'\"> & '\" {{x}} ]]> --> \u202e\x00\n"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def picture(seed: int = 0, size: tuple[int, int] = (300, 400)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8))


def hostile_page() -> bytes:
    score = ShownScore(HOSTILE, HOSTILE, 0.5)
    entry = Entry(
        HOSTILE,
        (Drawing(HOSTILE, picture(), (score,), (HOSTILE,)),),
        ((HOSTILE, 0.9),),
        HOSTILE,
        HOSTILE,
        HOSTILE,
        True,
        True,
        HOSTILE,
    )
    summary = Summary((HOSTILE,), ((HOSTILE, (HOSTILE,)),), {0: 0})
    return write_page(HOSTILE, [HOSTILE], [entry, Entry("plain")], 2, 1, lambda: summary)


def test_every_name_is_shown_as_text() -> None:
    page = Page(hostile_page())
    assert len(page.all("script")) == 1
    assert len(page.all("img")) == 1
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), tag
        assert "style" not in attributes, "the policy would refuse it"
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert any("onerror" in text for text in page.texts)


def test_nothing_is_loaded_from_elsewhere_and_the_policy_forbids_it() -> None:
    data = hostile_page().decode()
    policy = next(a["content"] for a in Page(data.encode()).all("meta") if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:")
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", data, re.S)
        assert inside is not None
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "http://" not in data.replace("http://www.w3.org", "")
    assert "https://" not in data


def test_the_colours_of_outlines_are_those_of_the_style() -> None:
    style = Path(html_page.__file__).with_suffix(".css").read_text()
    for number, (red, green, blue) in enumerate(OUTLINES):
        assert f"i.c{number} {{ background: rgb({red} {green} {blue}); }}" in style


def test_a_report_stays_within_its_size_whatever_the_pictures(monkeypatch) -> None:
    monkeypatch.setattr(html_page, "LARGEST", 600_000)
    entries = [
        Entry(f"{n}", tuple(Drawing(f"{k}", picture(10 * n + k)) for k in range(4)), (("a", 0.5),)) for n in range(20)
    ]
    data = write_page("t", [], entries, 20, 4)
    assert len(data) < 620_000
    assert all(int(image["width"] or 0) >= 96 for image in Page(data).all("img"))


def test_a_picture_is_as_large_as_there_is_room() -> None:
    many, size = small_jpeg(picture(size=(600, 800)), 10_000_000)
    few, smaller = small_jpeg(picture(size=(600, 800)), 6_000)
    assert max(size) == 480
    assert len(few) <= 6_000 < len(many)
    assert smaller < size


def test_pictures_can_be_sorted_by_every_score_and_found_by_every_word() -> None:
    entry = Entry("name.png", (Drawing("Rollout", picture(), (ShownScore("IoU", "50", 0.5),)),), (("cat", 0.9),), "dog")
    page = Page(write_page("t", [], [entry, Entry("other.png")], 2, 1))
    article = page.all("article")[0]
    key = next(o["value"] for o, text in zip(page.all("option"), _option_texts(page), strict=True) if "IoU" in text)
    assert article[f"data-{key}"] == "0.5"
    assert all(word in (article["data-words"] or "") for word in ("name.png", "cat", "dog"))


def _option_texts(page: Page) -> list[str]:
    html = [t for t in page.texts if t.strip()]
    known = ("In folder order", "By ", "any class", "cat", "like the system", "light", "dark")
    return [t for t in html if t.startswith(known)][: len(page.all("option"))]


# --- of folders and runs ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    return vi.load_model("demo", device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for name in ("24-gem-leaf.png", "06-fish.png"):
        shutil.copy(gallery_folder() / "images" / name, tmp_path / "data" / "images" / name)
        shutil.copy(gallery_folder() / "masks" / name, tmp_path / "data" / "masks" / name)
    (tmp_path / "data" / "images" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "data"


def test_a_folder_with_masks_maps_scores_and_notes(folder, model, home) -> None:
    note = b'{"format": 1, "pictures": {"06-fish.png": {"flagged": true, "starred": false, "text": "look <here>"}}}'
    write_atomic(notes_file(str(folder / "images")), note)
    asked = Asked("rollout, rollout + attention_gradient [harmonic]", target="fish")
    page = Page(folder_report(folder / "images", model, asked))
    articles = {str(a["data-name"]): a for a in page.all("article")}
    fish = next(a for name, a in articles.items() if "fish" in name)
    assert fish["data-class"] == "fish"
    assert "data-flagged" in fish
    assert "look <here>" in page.texts
    broken = next(name for name in articles if "broken" in name)
    assert any("could not be used" in text for text in page.texts), broken
    # Picture, masks and two maps of each good one.
    assert len(page.all("img")) == 2 * 4
    assert any(text.startswith("IoU ") for text in page.texts)
    explanation = vi.explain(model, folder / "images" / "06-fish.png", ["rollout"], "fish")
    assert explanation.maps["rollout"].values.shape == model.grid


def test_a_run_with_the_overlays_that_it_saved_and_those_that_it_did_not(folder, model, tmp_path) -> None:
    (folder / "images" / "broken.png").unlink()
    run = tmp_path / "run"
    arguments = ["evaluate", str(folder), "--methods", "rollout,attention_gradient", "--scores", "overlap"]
    assert main([*arguments, "--out", str(run)]) == 0
    page = Page(run_report(run, None))
    assert len(page.all("article")) == 2
    assert any("IoU" in text for text in page.texts)
    assert len(page.all("img")) == 2 * 4
    data = run_report(run, lambda: model)
    assert data != run_report(run, None), "the maps are made anew"
    out = tmp_path / "report.html"
    assert main(["report", str(run), "--out", str(out)]) == 0
    assert out.read_bytes() == data
    out.write_bytes(b"mine")
    assert main(["report", str(run), "--out", str(out)]) == 2
    assert out.read_bytes() == b"mine"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no browser here")
def test_a_browser_shows_it_without_complaint_and_runs_nothing_of_a_name(tmp_path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(hostile_page())
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--virtual-time-budget=4000"]
    done = subprocess.run([*command, "--dump-dom", path.as_uri()], capture_output=True, timeout=240, check=False)
    errors = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "CONSOLE" in line]
    assert not errors
    seen = done.stdout.decode()
    assert "<title>hacked</title>" not in seen
    assert "2 pictures</output>" in seen, "the script has run"
    assert '<form id="controls">' in seen
