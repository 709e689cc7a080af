#!/bin/sh
# Stands for go, cargo and rustc in the tests, by the name it is started with: notes its words and leaves binaries. One whose
# name stands in $FAKE_DOCKER/broken does not compile.
set -eu
PATH=/usr/bin:/bin
me=${0##*/}
printf '%s %s\n' "$me" "$*" >>"$FAKE_DOCKER/compilers"

# binary FOLDER NAME SOURCE
binary() {
    if [ -e "$FAKE_DOCKER/broken" ] && grep -qx "$2" "$FAKE_DOCKER/broken"; then
        if [ -e "$FAKE_DOCKER/complaint" ]; then cat "$FAKE_DOCKER/complaint"; else echo "$2: undefined: oops"; fi >&2
        exit 1
    fi
    mkdir -p "$1"
    if [ "${RUSTC_WRAPPER-}" ] && [ -e "$FAKE_DOCKER/binary-with-symbols" ]; then
        cp "$FAKE_DOCKER/binary-with-symbols" "$1/$2"
        return
    fi
    if [ -e "$FAKE_DOCKER/binary" ]; then cp "$FAKE_DOCKER/binary" "$1/$2"; else printf 'the binary %s' "$3" >"$1/$2"; fi
}

case $me in
go)
    if [ "$*" = "env GOVERSION" ]; then echo "go$(cat "$FAKE_DOCKER/go-release" 2>/dev/null || echo 1.26.8)" && exit; fi
    while [ $# -gt 0 ]; do
        case $1 in
        -o) folder=$2 && shift ;;
        ./*) binary "$folder" "${1##*/}" "$1" ;;
        esac
        shift
    done
    ;;
cargo)
    folder='' target='' bins=''
    while [ $# -gt 0 ]; do
        case $1 in
        --target-dir) folder=$2 && shift ;;
        --target) target=$2 && shift ;;
        --bin) bins="$bins $2" && shift ;;
        esac
        shift
    done
    # A clean has none.
    for bin in $bins; do binary "$folder/$target/release" "$bin" "$bin"; done
    ;;
rustc)
    if [ -e "$FAKE_DOCKER/no-toolchain" ]; then echo "error: toolchain '1.90.0' is not installed" >&2 && exit 1; fi
    if [ "$*" = -vV ]; then echo "release: $(cat "$FAKE_DOCKER/release" 2>/dev/null || echo 1.95.0)"; fi
    # rustc --print target-libdir --target TRIPLE: the folder is there if the target is installed.
    [ $# -lt 4 ] || echo "$FAKE_DOCKER/targets/$4"
    ;;
esac
