# shellcheck shell=bash
# What quickstart and tests/run share: quiet steps, and a build by preset.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# step TEXT COMMAND...: one line when it goes well, the whole output and the exit code when not.
step() {
    local text=$1 log code=0 began=$SECONDS
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [[ $code == 0 ]]; then
        echo "$text: done ($((SECONDS - began)) s)"
    else
        cat "$log"
        echo "$text: failed, exit code $code: $*" >&2
    fi
    rm -f "$log"
    return "$code"
}

# build PRESET "TARGET..." [-DNAME=VALUE...]      the target "all" is all of it
build() {
    local preset=$1 targets
    read -ra targets <<<"$2"
    shift 2
    step "Configuring $preset" cmake -S "$root" --preset "$preset" "$@" &&
        step "Building $preset" cmake --build "$root/build/$preset" --target "${targets[@]}"
}

# The newest clang++ that packages.txt may have installed.
newest_clang() {
    compgen -c clang++- | grep -xE 'clang\+\+-[0-9]+' | sort -t- -k2 -n | tail -n 1
}
