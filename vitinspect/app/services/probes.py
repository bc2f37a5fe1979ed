"""Heads trained from the window: ``vitinspect probe`` in a process of its own, its progress, and what it wrote."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.services.evaluation_process import EvaluationProcess
from vitinspect.app.session.state import State

_STEP = re.compile(r"^(.+?)  (\d+)/(\d+)(?: (\w+))?(.*)$")


@dataclass(frozen=True)
class ProbeTask:
    """What a person asks for: the options of ``vitinspect probe``."""

    model: str
    """The line of the backbone, as the state has it; its own head is left out."""
    train: str
    out: str
    val: str = ""
    test: str = ""
    features: str = ""
    loss: str = "ce"
    C: str = ""
    knn: bool = False
    compare: tuple[str, ...] = ()
    """Files of heads, each with ``=NAME`` where one of many is meant."""
    maps: str = ""
    fit: str = "crop"
    device: str = "auto"

    @property
    def arguments(self) -> list[str]:
        """The command line, without the program."""
        source = ModelSource.parse(self.model)
        words = ["probe", "--train", self.train, "--out", self.out, "--model", source.source]
        given = {
            "--val": self.val,
            "--test": self.test,
            "--features": self.features,
            "--C": self.C.replace(" ", ""),
            "--maps": self.maps,
            "--arch": source.arch,
            "--image-size": source.image_size,
            "--device": "" if self.device == "auto" else self.device,
        }
        for name, value in given.items():
            words += [name, value] if value else []
        words += ["--loss", self.loss, "--mode", self.fit]
        words += ["--knn"] if self.knn else []
        words += ["--random"] if source.random else []
        for head in self.compare:
            words += ["--compare", head]
        return words

    @property
    def command(self) -> str:
        """As a person would type it."""
        return shlex.join(["vitinspect", *self.arguments])

    @property
    def heads(self) -> dict[str, str]:
        """Loss -> the file that its head is written to."""
        out = Path(self.out)
        if self.loss != "both":
            return {self.loss: self.out}
        return {loss: str(out.with_suffix(f".{loss}.safetensors")) for loss in ("ce", "bce")}


@dataclass(frozen=True)
class TrainedHead:
    """A head that was trained, with what was measured."""

    loss: str
    path: str
    line: str
    """The line of backbone and head, which names a model in the state."""
    about: dict[str, Any] = field(repr=False)
    """What ``HEAD.json`` holds."""

    @property
    def confusion(self) -> str:
        """The picture of the confusions."""
        return str(Path(self.path).with_suffix(".confusion.png"))


class ProbeService(QObject):
    """At most one training at a time. ``changed`` is emitted when anything about it changes."""

    changed = Signal()

    def __init__(self, state: State, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.process = _ProbeProcess(self)
        self.process.output_changed.connect(self._follow_output)
        self.process.ended.connect(self._ended)
        self.task: ProbeTask | None = None
        self.doing = ""
        self.done, self.total = 0, 0
        self.trouble = ""
        self.stopped = False
        """Whether the person ended it: the features that were computed are kept."""
        self.heads: tuple[TrainedHead, ...] = ()
        self.compared: tuple[dict[str, Any], ...] = ()

    @property
    def running(self) -> bool:
        return self.process.running

    def start(self, task: ProbeTask) -> None:
        """Train, in the background."""
        if self.running:
            return
        self.task, self.heads, self.compared = task, (), ()
        self.doing, self.done, self.total = "loading the model", 0, 0
        self.trouble, self.stopped = "", False
        self.process.start(task.arguments)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop it; the next start continues where it was."""
        if self.running:
            self.stopped = True
            self.process.stop()
            self.changed.emit()

    def close(self) -> None:
        self.process.close()

    @Slot(str)
    def _follow_output(self, output: str) -> None:
        """The newest line of progress."""
        for line in reversed(output.splitlines()):
            if found := _STEP.match(line.strip()):
                self.doing, self.done, self.total = found[1], int(found[2]), int(found[3])
                self.changed.emit()
                return

    @Slot(str)
    def _ended(self, trouble: str) -> None:
        self.trouble = trouble
        task = self.task
        if task is not None and not trouble and not self.stopped:
            self._take(task)
        self.doing = ""
        self.changed.emit()

    def _take(self, task: ProbeTask) -> None:
        """What was written; the heads are offered among the recent models."""
        source = replace(ModelSource.parse(task.model), head_name="")
        heads = []
        for loss, path in task.heads.items():
            about = _read(Path(path).with_suffix(".json"))
            if isinstance(about, dict):
                heads.append(TrainedHead(loss, path, replace(source, head=path).line, about))
        self.heads = tuple(heads)
        if not heads:
            self.trouble = f"The training ended, but {Path(task.out).name} was not written."
            return
        rows = _read(Path(task.out).with_suffix(".compared.json")) if task.loss == "both" or task.compare else None
        self.compared = tuple(row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        lines = dict.fromkeys((*(head.line for head in heads), *self._state.recent_models))
        self._state.set(recent_models=tuple(lines)[:10])

    def use(self, head: TrainedHead) -> None:
        """Use this head as the window's model."""
        self._state.set(model=head.line, target=())


class _ProbeProcess(EvaluationProcess):
    what = "The training"
    output_changed = Signal(str)
    """The end of the process's output."""

    @Slot()
    def _read(self) -> None:
        super()._read()
        self.output_changed.emit(self.output)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
