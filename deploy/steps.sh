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

# build PRESET [-DNAME=VALUE...]
build() {
    local preset=$1
    shift
    step "Configuring $preset" cmake -S "$root" --preset "$preset" "$@" &&
        step "Building $preset" cmake --build "$root/build/$preset"
}
