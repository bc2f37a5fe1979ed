"""``vitinspect completion``: completion of commands and options by the Tab key in bash, zsh and fish."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")
HOW = """to load it in every new shell:
  bash  mkdir -p ~/.local/share/bash-completion/completions
        vitinspect completion bash > ~/.local/share/bash-completion/completions/vitinspect
  zsh   vitinspect completion zsh > ~/.vitinspect.zsh
        and `source ~/.vitinspect.zsh` in ~/.zshrc, after compinit
  fish  mkdir -p ~/.config/fish/completions
        vitinspect completion fish > ~/.config/fish/completions/vitinspect.fish"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell whose script is printed")
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, HOW


def run(arguments: argparse.Namespace) -> int:
    print({"bash": bash, "zsh": zsh, "fish": fish}[arguments.shell](), end="")
    return 0


@dataclass(frozen=True)
class Word:
    """What can be typed at a place: an option, or a word such as ``bash``."""

    name: str
    help: str
    values: tuple[str, ...] | None = ()  # of an option: those that it takes; None where it takes anything
    listed: bool = False  # several values, with commas between them


Place = tuple[str, ...]
"""The words that stand before: () is the window, ("masks", "import") a command of a command."""


def places() -> dict[Place, list[Word]]:
    from vitinspect.cli.frame import VERBS, WINDOW, parser_of
    from vitinspect.explainers.registry import methods

    ids = tuple(info.id for info in methods())
    found: dict[Place, list[Word]] = {}
    for verb in (WINDOW, *VERBS):
        _collect(parser_of(verb), (verb.name,) if verb.name else (), ids, found)
    return found


def _collect(
    parser: argparse.ArgumentParser, place: Place, ids: tuple[str, ...], found: dict[Place, list[Word]]
) -> None:
    words = found.setdefault(place, [])
    for action in parser._actions:
        help_ = " ".join((action.help or "").split()).replace("%%", "%")
        if action.option_strings:
            values: tuple[str, ...] | None = None
            if action.nargs == 0:
                values = ()
            elif action.choices is not None:
                values = tuple(str(one) for one in action.choices)
            elif action.dest in ("method", "methods"):
                values = ids
            names = [name for name in action.option_strings if name.startswith("--") and "_" not in name]
            words += [Word(name, help_, values, action.dest == "methods") for name in names]
        elif isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                words.append(Word(str(choice.dest), choice.help or ""))
                _collect(action.choices[choice.dest], (*place, str(choice.dest)), ids, found)
        elif action.choices is not None:
            words += [Word(str(one), help_) for one in action.choices]
        elif place == ("methods",):
            words += [Word(one, "") for one in ids]


def bash() -> str:
    known = places()
    tops = " ".join(place[0] for place in known if len(place) == 1)
    below = "|".join(f"'{' '.join(place)}'" for place in known if len(place) == 2)
    lines = [
        "# Completion of vitinspect for bash.",
        "_vitinspect() {",
        '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '  local place="" start="" words="" list=""',
        "  COMPREPLY=()",
        "  # --option=value is three words in bash, and one in zsh.",
        '  if [ "$word" = "=" ]; then word=""',
        '  elif [ "$before" = "=" ]; then before="${COMP_WORDS[COMP_CWORD-2]}"',
        '  elif [[ "$word" == --*=* ]]; then before="${word%%=*}" start="${word%%=*}=" word="${word#*=}"',
        "  fi",
        '  [ "$COMP_CWORD" -gt 1 ] && place="${COMP_WORDS[1]}"',
        '  [ "$COMP_CWORD" -gt 2 ] && case "$place ${COMP_WORDS[2]}" in',
        f'    {below}) place="$place ${{COMP_WORDS[2]}}" ;;',
        "  esac",
        '  case "$place" in',
    ]
    for place, words in [*((place, words) for place, words in known.items() if place), ((), known[()])]:
        lines.append(f"    '{' '.join(place)}')" if place else "    *)")
        lines.append(f"      words='{' '.join(word.name for word in words)}'")
        lines.append('      case "$before" in')
        for word in words:
            if word.values:
                lines.append(f"        {word.name}) words='{' '.join(word.values)}'{' list=1' * word.listed} ;;")
        anything = [word.name for word in words if word.values is None]
        lines += [f"        {'|'.join(anything)}) return ;;"] if anything else []
        lines.append("      esac ;;")
    lines += [
        "  esac",
        '  if [ "$COMP_CWORD" -eq 1 ] && [ "${word#-}" = "$word" ]; then',
        f"    words='{tops}'",
        "  fi",
        '  if [ -n "$list" ] && [[ "$word" == *,* ]]; then start="$start${word%,*}," word="${word##*,}"; fi',
        '  COMPREPLY=($(compgen -P "$start" -W "$words" -- "$word"))',
        "}",
        "complete -o default -F _vitinspect vitinspect",
    ]
    return "\n".join(lines) + "\n"


def zsh() -> str:
    return (
        "# Completion of vitinspect for zsh, through that of bash.\nautoload -Uz bashcompinit && bashcompinit\n"
        + bash()
    )


def fish() -> str:
    from vitinspect.cli.frame import VERBS

    lines = [
        "# Completion of vitinspect for fish.",
        "function __vitinspect_at",
        "    set -l words (commandline -poc)",
        '    test "$words[2]" = "$argv[1]"; and begin',
        '        test (count $argv) -eq 1; or test "$words[3]" = "$argv[2]"',
        "    end",
        "end",
    ]
    for verb in VERBS:
        lines.append(f"complete -c vitinspect -n __fish_use_subcommand -a {verb.name} -d {_fish(verb.summary, 80)}")
    known = places()
    for place, words in known.items():
        inner = [other for other in known if place and other[:-1] == place]
        conditions = [f"__vitinspect_at {' '.join(place)}" if place else "__fish_use_subcommand"]
        conditions += [f"not __vitinspect_at {' '.join(other)}" for other in inner]
        when = _fish("; and ".join(conditions))
        for word in words:
            if not word.name.startswith("--"):
                lines.append(f"complete -c vitinspect -n {when} -f -a {word.name} -d {_fish(word.help, 80)}")
                continue
            line = f"complete -c vitinspect -n {when} -l {word.name.removeprefix('--')} -d {_fish(word.help, 80)}"
            if word.values is None:
                line += " -r"
            elif word.listed:
                separate = f'string split " " "{" ".join(word.values)}"'
                line += " -x -a " + _fish(f"(__fish_complete_list , {_fish(separate)})")
            elif word.values:
                line += f" -x -a {_fish(' '.join(word.values))}"
            lines.append(line)
    return "\n".join(lines) + "\n"


def _fish(text: str, most: int | None = None) -> str:
    short = text if most is None or len(text) <= most else text[: most - 1] + "…"
    return "'" + short.replace("\\", "\\\\").replace("'", "\\'") + "'"
