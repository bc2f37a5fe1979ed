"""``vitinspect completion``: the tabulator key completes commands and options in bash, zsh and fish."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

SHELLS = ("bash", "zsh", "fish")
HOW = {
    "bash": "vitinspect completion bash > ~/.local/share/bash-completion/completions/vitinspect",
    "zsh": "vitinspect completion zsh > ~/.vitinspect.zsh, and `source ~/.vitinspect.zsh` in ~/.zshrc behind compinit",
    "fish": "vitinspect completion fish > ~/.config/fish/completions/vitinspect.fish",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="whose script is printed")
    parser.epilog = "; ".join(HOW.values())


def run(arguments: argparse.Namespace) -> int:
    print({"bash": bash, "zsh": zsh, "fish": fish}[arguments.shell](), end="")
    return 0


def words() -> dict[str, list[tuple[str, str, tuple[str, ...] | None]]]:
    """Verb -> its options and choices, each with its help; "" is the window. None where a file may follow."""
    from vitinspect.cli.frame import VERBS, WINDOW, parser_of

    return {verb.name: list(_of(parser_of(verb))) for verb in (WINDOW, *VERBS)}


def _of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    for action in parser._actions:
        help_ = " ".join((action.help or "").split()).replace("%%", "%")
        choices = tuple(str(one) for one in action.choices) if action.choices is not None else None
        if action.option_strings:
            for name in action.option_strings:
                if name.startswith("--"):
                    yield name, help_, choices if action.nargs != 0 else ()
        elif choices is not None:
            for one in choices:
                yield one, help_, ()


def bash() -> str:
    known = words()
    cases = []
    for verb, found in known.items():
        names = " ".join(name for name, _, _ in found)
        cases.append(f"    {verb or 'WINDOW'}) words='{names}' ;;")
    values = {name: choices for found in known.values() for name, _, choices in found if choices and name[:2] == "--"}
    of_values = [f"    {name}) words='{' '.join(choices)}' ;;" for name, choices in sorted(values.items())]
    verbs = " ".join(verb for verb in known if verb)
    lines = [
        "# Completion of vitinspect for bash.",
        "_vitinspect() {",
        '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '  local verb="${COMP_WORDS[1]}" words=""',
        f'  local verbs=" {verbs} "',
        "  COMPREPLY=()",
        '  if [ "$COMP_CWORD" -gt 1 ]; then case "$before" in',
        *of_values,
        "  esac; fi",
        '  if [ -z "$words" ]; then',
        '    if [ "$COMP_CWORD" -eq 1 ] && [ "${word#-}" = "$word" ]; then',
        '      words="$verbs"',
        "    else",
        '      [ "${verbs/ $verb /}" = "$verbs" ] && verb=WINDOW',
        '      case "$verb" in',
        *("  " + line for line in cases),
        "      esac",
        "    fi",
        "  fi",
        '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
        "}",
        "complete -o default -F _vitinspect vitinspect",
    ]
    return "\n".join(lines) + "\n"


def zsh() -> str:
    return "# Completion of vitinspect for zsh, by that of bash.\nautoload -Uz bashcompinit && bashcompinit\n" + bash()


def fish() -> str:
    from vitinspect.cli.frame import VERBS

    lines = ["# Completion of vitinspect for fish."]
    for verb in VERBS:
        lines.append(f"complete -c vitinspect -n __fish_use_subcommand -a {verb.name} -d {_fish(verb.summary)}")
    for name_of_verb, found in words().items():
        when = f"'__fish_seen_subcommand_from {name_of_verb}'" if name_of_verb else "__fish_use_subcommand"
        for name, help_, choices in found:
            if not name.startswith("--"):
                lines.append(f"complete -c vitinspect -n {when} -f -a {name} -d {_fish(help_)}")
                continue
            line = f"complete -c vitinspect -n {when} -l {name.removeprefix('--')} -d {_fish(help_)}"
            if choices is None:
                line += " -r"
            elif choices:
                line += f" -x -a {_fish(' '.join(choices))}"
            lines.append(line)
    return "\n".join(lines) + "\n"


def _fish(text: str) -> str:
    short = text if len(text) <= 80 else text[:79] + "…"
    return "'" + short.replace("\\", "\\\\").replace("'", "\\'") + "'"
