# SPDX-License-Identifier: MPL-2.0
export XDG_RUNTIME_DIR=/tmp
total=0

# Runs a command, says how long it took, and shows what it printed if it fails.
timed() {
    started=$(date +%s%N)
    if ! "$@" >log 2>&1; then
        cat log
        echo "    failed: $*"
        exit 1
    fi
    took=$(( ($(date +%s%N) - started) / 100000000 ))
    total=$((total + took))
    echo "    $((took / 10)).$((took % 10)) s  $(echo "$*" | head -n 1)"
}

# The same, but for what a user need not wait for.
check() {
    before=$total
    timed "$@"
    total=$before
}

# Fails if the command succeeds.
refused() {
    if "$@" >log 2>&1; then
        cat log
        echo "    should have failed: $*"
        exit 1
    fi
    echo "    refused, as it should be: $*"
}

# Fails if what the last command printed has no such text.
says() {
    if ! grep -q -e "$1" log; then
        cat log
        echo "    no “$1” in what the last command printed"
        exit 1
    fi
}

total() {
    echo "    $((total / 10)).$((total % 10)) s  in all, from nothing to a labelled video"
}
