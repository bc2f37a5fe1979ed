"""Running commands: finding the verb, and handling errors, Ctrl-C and closed pipes."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

from vitinspect.errors import Cancelled, VitInspectError, is_out_of_memory
from vitinspect.names import readable
from vitinspect.version import __version__

ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
"""Exit codes; 130 and 141 are those that a shell reports for SIGINT and SIGPIPE."""


@dataclass(frozen=True)
class Verb:
    """A sub-command: ``module`` has ``add_arguments(parser)`` and ``run(arguments) -> int``."""

    name: str
    module: str
    summary: str


GROUPS = (
    (
        "Maps of pictures",
        (
            Verb("explain", "vitinspect.cli.explain", "write heat maps of pictures: overlays and raw values"),
            Verb("predict", "vitinspect.cli.predict", "print the most probable classes of pictures"),
            Verb("graph", "vitinspect.cli.graph", "write the attention network of a picture as a graph file"),
        ),
    ),
    (
        "Scores",
        (
            Verb("evaluate", "vitinspect.cli.evaluate", "score methods on a folder of pictures, with or without masks"),
            Verb(
                "table",
                "vitinspect.cli.table",
                "put runs into one table for a paper: LaTeX, Markdown, HTML, CSV",
            ),
            Verb(
                "rank",
                "vitinspect.cli.rank",
                "find the fusion that agrees best with people's masks, and test the choice",
            ),
            Verb("compare", "vitinspect.cli.compare", "compare the maps and the predictions of two models"),
        ),
    ),
    (
        "Masks of people",
        (
            Verb("masks", "vitinspect.cli.masks", "import masks of other tools, or export masks for them"),
            Verb("agree", "vitinspect.cli.agree", "measure how well people's masks agree, and compute a consensus"),
            Verb("study", "vitinspect.cli.study", "assign pictures to annotators, and show their progress"),
        ),
    ),
    (
        "Figures and files",
        (
            Verb("figure", "vitinspect.cli.figure", "compose a figure for a paper from a specification"),
            Verb("recipe", "vitinspect.cli.recipe", "print how a figure was made, from the figure itself"),
            Verb("replay", "vitinspect.cli.replay", "make a figure again from its recipe, and report differences"),
            Verb("export", "vitinspect.cli.export", "write layers of many pictures as files, named by a pattern"),
            Verb("report", "vitinspect.cli.report", "write one HTML file with the pictures of a folder or of a run"),
        ),
    ),
    (
        "Models and methods",
        (
            Verb("models", "vitinspect.cli.models", "list and search models"),
            Verb("methods", "vitinspect.cli.methods", "list the methods with their parameters and papers"),
            Verb("probe", "vitinspect.cli.probe", "train a linear head on a backbone with your pictures"),
        ),
    ),
    (
        "The bundled world",
        (
            Verb("demo", "vitinspect.cli.demo", "show the bundled gallery, in a window or off screen"),
            Verb("gallery", "vitinspect.cli.gallery", "generate scenes of the bundled world with exact masks"),
            Verb("accuracy", "vitinspect.cli.accuracy", "measure the bundled model on fresh scenes"),
        ),
    ),
    (
        "This installation",
        (
            Verb("doctor", "vitinspect.cli.doctor", "look for problems of this installation"),
            Verb("desktop", "vitinspect.cli.desktop", "add vitinspect to the menu of a Linux desktop"),
            Verb("completion", "vitinspect.cli.completion", "print the completion script for bash, zsh or fish"),
        ),
    ),
)
"""The verbs by task, in the order in which help shows them."""
VERBS = tuple(verb for _, verbs in GROUPS for verb in verbs)
WINDOW = Verb("", "vitinspect.cli.window", "open the window")


class Parser(argparse.ArgumentParser):
    """argparse, with its errors as one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (`{self.prog} --help` shows how)", self.prog)


class UsageError(VitInspectError):
    """The command line was not understood."""

    def __init__(self, message: str, prog: str = "vitinspect") -> None:
        super().__init__(message)
        self.prog = prog


def guarded(arguments: Sequence[str]) -> int:
    """Run a command so that every error ends in one line and an exit code."""
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        speak_utf8(stream)
    if not debug and not sys.warnoptions:
        # Warnings that libraries address to their developers are not for users.
        warnings.simplefilter("ignore")
    try:
        code = dispatch(arguments)
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, Cancelled):
        complain("stopped.", newline=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe. Python would report it again when it closes stdout at the end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except SystemExit as stop:
        # --help and --version.
        sys.stdout.flush()
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else ERROR
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        complain(sentence(error))
        return ERROR


def sentence(error: Exception) -> str:
    """An error as one line."""
    if isinstance(error, VitInspectError):
        text = str(error)
    elif is_out_of_memory(error):
        text = "There is not enough memory for this; a smaller model or a smaller picture may fit."
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    else:
        text = (
            f"unexpected {type(error).__name__}: {error} (this is a mistake in vitinspect; `--debug` shows "
            "where it happened)"
        )
    return " ".join(readable(text).split())


def complain(text: str, newline: bool = False) -> None:
    """Print one line on stderr; a closed stderr is ignored."""
    with contextlib.suppress(OSError, ValueError):
        # ^C is already on the terminal's line.
        start = "\n" if newline and sys.stderr.isatty() else ""
        print(f"{start}vitinspect: {text}", file=sys.stderr, flush=True)


def speak_utf8(stream: TextIO) -> None:
    """Encode output without errors: UTF-8 for files and pipes, and ``?`` for characters that a console lacks."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is None:
        return
    with contextlib.suppress(OSError, ValueError):
        if stream.isatty() or "PYTHONIOENCODING" in os.environ:
            reconfigure(errors="replace")
        else:
            reconfigure(encoding="utf-8", errors="replace")


def dispatch(arguments: Sequence[str]) -> int:
    """Find the verb, load its module, parse the rest, run it."""
    arguments = with_plugins(arguments)
    names = {verb.name: verb for verb in VERBS}
    first = next((i for i, word in enumerate(arguments) if not word.startswith("-")), None)
    leading = list(arguments[:first])
    if first is not None and arguments[first] in names and set(leading) <= {"--debug"}:
        verb, rest = names[arguments[first]], [*leading, *arguments[first + 1 :]]
    else:
        verb, rest = WINDOW, list(arguments)
        if first is not None and set(leading) <= {"--debug"}:
            refuse_misspelt_verb(arguments[first], list(names))
    parser = parser_of(verb)
    return int(importlib.import_module(verb.module).run(parser.parse_args(rest)))


def parser_of(verb: Verb) -> Parser:
    """The parser of a command, or of the window."""
    if verb.name:
        parser = Parser(prog=f"vitinspect {verb.name}", description=verb.summary[0].upper() + verb.summary[1:])
    else:
        parser = Parser(
            prog="vitinspect",
            usage="vitinspect [FOLDER] [options]\n       vitinspect COMMAND [options]",
            description="Shows where a Vision Transformer looks, and whether that can be trusted.",
            epilog=overview(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--version", action="version", version=f"vitinspect {__version__}")
    importlib.import_module(verb.module).add_arguments(parser)
    parser.add_argument(
        "--plugin", metavar="FILE", help="add the methods and models of a Python file; may be given several times"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def with_plugins(arguments: Sequence[str]) -> list[str]:
    """Load the files named by ``--plugin``, wherever it occurs, and return the other arguments."""
    from vitinspect.plugins import plugins

    plugins.report = complain
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*rest, word, *words]
        if word == "--plugin":
            file = next(words, None)
            if file is None:
                raise UsageError("--plugin needs a file")
        elif word.startswith("--plugin="):
            file = word.removeprefix("--plugin=")
        else:
            rest.append(word)
            continue
        plugins.add_file(file)
    return rest


def refuse_misspelt_verb(word: str, names: list[str]) -> None:
    """Report ``vitinspect explian x.png`` as a misspelt verb, instead of opening a folder of that name."""
    if os.sep in word or Path(word).exists():
        return
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        raise UsageError(f"there is no command {word!r}; did you mean `vitinspect {close[0]}`?")


def overview() -> str:
    width = max(len(verb.name) for verb in VERBS)
    lines: list[str] = []
    for title, verbs in GROUPS:
        lines += [f"{title}:", *(f"  {verb.name:<{width}}  {verb.summary}" for verb in verbs), ""]
    lines += ["`vitinspect COMMAND --help` shows the options of a command."]
    return "\n".join(lines)
