# Completion of `otelshim` for bash. Options and words are asked of the command itself, so
# nothing here grows old.

# The words that a variable may have, by `otelshim config --list`: "word: a, b; default: a".
_otelshim_words() {
    otelshim config --list 2>/dev/null |
        sed -n "/^$1\$/,/^OTEL_/s/^    \(list of words\|word\): \([^;]*\).*/\2/p" | tr -d ,
}

# Of an option of `run`: its value.
_otelshim_value() {
    case $1 in
    --protocol) _otelshim_words OTEL_EXPORTER_OTLP_PROTOCOL ;;
    --exporter) _otelshim_words OTEL_TRACES_EXPORTER ;;
    --sampler) _otelshim_words OTEL_TRACES_SAMPLER ;;
    --propagators) _otelshim_words OTEL_PROPAGATORS ;;
    --profile) _otelshim_words OTEL_SHIM_PROFILE ;;
    --log-level) _otelshim_words OTEL_LOG_LEVEL ;;
    --disable) otelshim doctor --instrumentations 2>/dev/null ;;
    esac
}

_otelshim_options() { otelshim "$1" --help 2>/dev/null | grep -o -- '^  --[a-z][a-z-]*\|\[--[a-z][a-z-]*\]' | tr -d ' []'; }

# The index of the program in `otelshim run OPTIONS PROGRAM`, 0 while options go on.
_otelshim_program() {
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) echo $((i + 1)); return ;;
        --console | --strict | --*=*) ;;
        --*) ((i++)) ;;
        *) echo "$i"; return ;;
        esac
    done
    echo 0
}

_otelshim() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(otelshim --help | sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    run)
        program=$(_otelshim_program)
        if ((program == 0)) && [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_otelshim_options run) --help" -- "$word")
        elif ((program == 0)) && [[ $before == --log-file || $before == --config ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        elif ((program == 0)) && [[ $before == --* && $before != --console && $before != --strict ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_otelshim_value "$before")" -- "$word")
        elif ((program == 0 || program == COMP_CWORD)); then
            mapfile -t COMPREPLY < <(compgen -c -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi ;;
    doctor)
        [[ $word != -* ]] || { mapfile -t COMPREPLY < <(compgen -W --help -- "$word"); return; }
        mapfile -t COMPREPLY < <(compgen -c -- "$word"; compgen -f -- "$word") ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$(_otelshim_options "${COMP_WORDS[1]}") --help" -- "$word") ;;
    esac
}

complete -o filenames -F _otelshim otelshim
