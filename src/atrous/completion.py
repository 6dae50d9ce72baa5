"""What a shell is told to complete `atrous <command>`, `train.py` and `evaluate.py`, as Hydra finds it.

Hydra's own script knows neither commands in front of options nor programs without its decorator.
"""

from collections.abc import Sequence

FLAGS = ("-sc", "--shell-completion")
SHELLS = ("bash", "zsh")
# Hydra is asked for what may follow the words of COMP_LINE behind one word, the program's.  Names that begin
# with _ are parts of configs.
SCRIPT = """_atrous_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" words ask command
    read -ra words <<< "$line"
    case "${words[0]}" in
        python*|*/python*)
            case "${words[1]}" in
                train.py|*/train.py|evaluate.py|*/evaluate.py)
                    ask=("${words[0]}" "${words[1]}"); line="${line#*"${words[0]}"*"${words[1]}"}" ;;
                *) COMPREPLY=(); return ;;
            esac ;;
        *)
            if (( COMP_CWORD < 2 )); then
                COMPREPLY=($(compgen -W "%s" -- "${COMP_WORDS[COMP_CWORD]}")); compopt +o nospace; return
            fi
            ask=("${words[0]}" "${words[1]}"); line="${line#*"${words[0]}"*"${words[1]}"}" ;;
    esac
    COMPREPLY=($(compgen -W "$(COMP_LINE="atrous$line" "${ask[@]}" -sc query=bash 2> /dev/null)" \\
        -X '*[=.]_*' -- "${COMP_WORDS[COMP_CWORD]}"))
}
COMP_WORDBREAKS="${COMP_WORDBREAKS//=}"
complete -o nospace -o default -F _atrous_complete atrous
complete -o nospace -o default -F _atrous_complete python
"""
ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"


def asked_for(argv: Sequence[str], commands: Sequence[str]) -> str | None:
    """The script that ``-sc install=SHELL`` asks for; None: the command line asks for something else.

    Raises ValueError: another shell.
    """
    if len(argv) < 2 or argv[-2] not in FLAGS or not argv[-1].startswith("install="):
        return None
    shell = argv[-1].removeprefix("install=")
    if shell not in SHELLS:
        raise ValueError(f"{argv[-1]}: options are completed in {' and '.join(SHELLS)}: install=bash")
    return (ZSH if shell == "zsh" else "") + SCRIPT % " ".join(commands)
