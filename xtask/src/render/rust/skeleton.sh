# Prepares what the Rust stages need; runs in the builder.
#   toolchain CHANNEL [--component NAME] [--target NAME]
#                                           installs what a toolchain file asks for; `-` is the channel that is there
#   target                                  names the compilation target for TARGETARCH, and installs a linker if it is
#                                           not the builder's
#   crates ARGUMENT...                      runs cargo with the arguments, to fetch crates
#   dependencies KEPT TARGET ARGUMENT...    runs cargo with the arguments in KEPT, which outlives builds, and copies what
#                                           this build needs of it to TARGET
#   third-party OUT WORKSPACE RESOLVER      a workspace of nothing but its third-party crates
#       [--keep workspace]                  with what its members inherit, for those that are patches
#   manifests OUT WORKSPACE RESOLVER        the workspace with only these members, and the third-party crates
#       [--root-package] [--member DIR]
#       [--keep version] [--keep tests]     the workspace's own version is masked, and what is for tests left out, but
#       [--lib FILE] [--main FILE]          for these; empty sources that have to exist
# The last two read the manifests below the current folder. Left out is what no compiler reads: metadata of other tools,
# tests, benches, examples. Of the lock file stays what the third-party crates lead to.
set -eu

toolchain() {
    if ! command -v rustup >/dev/null; then
        echo "this image has no rustup to install the toolchain: $*" >&2
        echo "name one that has the toolchain by the setting \`builder\`" >&2
        exit 1
    fi
    channel=$1
    shift
    if [ "$channel" != - ]; then
        rustup toolchain install --profile minimal --no-self-update "$channel"
        rustup default "$channel"
    fi
    while [ $# -gt 0 ]; do
        rustup "${1#--}" add "$2"
        shift 2
    done
}

target() {
    case "$TARGETARCH" in
    amd64) target=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu ;;
    arm64) target=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu ;;
    *) echo "no Rust target is known for the platform linux/$TARGETARCH" >&2 && exit 1 ;;
    esac
    printf '%s' "$target" >/rust-target
    # Where compilations are kept. Not at the root: the builder walks all that is beside what it mounts from a stage.
    mkdir -p /cache/kept
    printf '[build]\ntarget = "%s"\n' "$target" >>"$CARGO_HOME/config.toml"
    [ "$BUILDARCH" != "$TARGETARCH" ] || return 0
    apt-get update
    apt-get install --yes --no-install-recommends "gcc-$(echo "$gnu" | tr _ -)" "libc6-dev-$TARGETARCH-cross"
    rm -rf /var/lib/apt/lists/*
    # A toolchain without rustup has to bring its targets itself.
    if command -v rustup >/dev/null; then rustup target add "$target"; fi
    printf '[target.%s]\nlinker = "%s-gcc"\n' "$target" "$gnu" >>"$CARGO_HOME/config.toml"
}

# Without the times of a run, and Cargo's notes of when it used what, a layer is the same wherever it is made anew.
forget_times() {
    rm -f "$CARGO_HOME/.global-cache"
    find "$CARGO_HOME" /src -newer /rust-target -writable -exec touch -hd @0 {} +
}

crates() {
    "$@"
    forget_times
}

# Files of a target folder have the hash of their compilation in their path. Cargo has the last word: what is missing it
# compiles.
dependencies() {
    kept=$1 copy=$2
    shift 2
    CARGO_BUILD_BUILD_DIR=$kept "$@" --target-dir "$kept" --message-format json-render-diagnostics >/dev/shm/compilations
    grep -o -E -e '-[0-9a-f]{16}' /dev/shm/compilations | sort -u >/dev/shm/hashes
    mkdir -p "$copy"
    (cd "$kept" && find . -type f | grep -F -f /dev/shm/hashes | tar -cf - -T -) | tar -xf - -C "$copy"
    cp -p "$kept/.rustc_info.json" "$copy/"
    CARGO_BUILD_BUILD_DIR=$copy "$@" --target-dir "$copy"
    rm "$copy/.rustc_info.json"
    forget_times
    # Later than everything that a build script may watch.
    find "$copy" -exec touch -hd @2145916800 {} +
}

# Prints a manifest. For the workspace's own the only members are given, and `kinds` says what else of it counts:
# workspace, package-and-workspace or third-party. For any other it is package.
manifest() {
    awk -v kinds="$1" -v members="$members" -v resolver="$resolver" -v keep="$keep" '
        function workspace() {
            if (kinds != "package" && !done++) {
                print "[workspace]"
                print "members = [" members "]"
                print "resolver = \"" resolver "\""
            }
        }
        { sub(/\r$/, "") }
        /^[ \t]*\[+[ \t]*(package|workspace|lib|bin|test|bench|example|features|dependencies|dev-dependencies|build-dependencies|target|profile|patch|replace|lints|badges)[]. \t]/ {
            section = $0
            gsub(/^[ \t]*\[+[ \t]*|[ \t]*\].*$/, "", section)
            in_list = 0
            if (section == "workspace") { workspace(); if (kinds != "package") next }
        }
        section ~ /^(package|workspace)\.metadata/ || section ~ /^(test|bench|example|badges)$/ { next }
        section ~ /(^|\.)dev-dependencies(\.|$)/ && keep !~ /tests/ { next }
        kinds == "third-party" && section !~ /^(profile|patch|replace)(\.|$)/ && !(keep ~ /workspace/ && section ~ /^workspace\./) { next }
        kinds == "workspace" && section !~ /^(workspace|profile|patch|replace)(\.|$)/ { next }
        kinds != "package" && section ~ /^(workspace|package)$/ && /^[ \t]*resolver[ \t]*=/ { next }
        kinds != "package" && section == "workspace" {
            if (/^[ \t]*(default-)?members[ \t]*=/) in_list = 1
            if (in_list) {
                rest = $0
                gsub(/"[^"]*"|#.*/, "", rest)
                if (rest ~ /\]/) in_list = 0
                next
            }
        }
        section == "workspace.package" && keep !~ /version/ && /^[ \t]*version[ \t]*=/ { print "version = \"0.0.0\""; next }
        { print }
        END { workspace() }
    ' "$2"
}

# Prints what of a lock file the third-party crates lead to, and the packages of the given names.
lock() {
    find "$workspace/.third-party" -name Cargo.toml -exec cat {} + | awk -v own="$1" '
        function want(name, version,    i) {
            for (i = 1; i <= count; i++)
                if (names[i] == name && (version == "" || versions[i] == version || index(versions[i], version ".") == 1 || index(versions[i], version "+") == 1) && !(i in kept)) {
                    kept[i]
                    queue[++last] = i
                }
        }
        { sub(/\r$/, "") }
        NR == FNR {
            if (/^\[/) in_dependencies = /dependencies\]$/
            else if (in_dependencies && / = /) {
                root = $1
                if (match($0, /package = "[^"]*"/)) root = substr($0, RSTART + 11, RLENGTH - 12)
                version = ""
                if (match($0, /version = "[^"]*"/)) version = substr($0, RSTART + 11, RLENGTH - 12)
                else if (match($0, / = "[^"]*"$/)) version = substr($0, RSTART + 4, RLENGTH - 5)
                sub(/^=/, "", version)
                roots[++root_count] = root
                root_versions[root_count] = version
            }
            next
        }
        /^\[\[package\]\]/ { count++; in_packages = 1 }
        /^\[/ && !/^\[\[package\]\]/ { in_packages = 0; is_metadata = /^\[metadata\]/ }
        !in_packages { if (!count || is_metadata) other[++other_count] = $0; if (!count) header = other_count; next }
        { texts[count] = texts[count] $0 "\n" }
        /^name = / { names[count] = substr($3, 2, length($3) - 2) }
        /^version = / { versions[count] = substr($3, 2, length($3) - 2) }
        /^source = / { has_source[count] }
        /^ "/ { gsub(/^ "|",?$/, ""); needs[count] = needs[count] $0 "\n" }
        END {
            for (i = 1; i <= root_count; i++) want(roots[i], root_versions[i])
            for (at = 1; at <= last; at++) {
                n = split(needs[queue[at]], list, "\n")
                for (k = 1; k < n; k++) { split(list[k], words, " "); want(words[1], words[2]) }
            }
            n = split(own, list, " ")
            for (i = 1; i <= count; i++)
                for (k = 1; k <= n; k++) if (names[i] == list[k] && !(i in has_source)) kept[i]
            for (i = 1; i <= header; i++) print other[i]
            for (i = 1; i <= count; i++) if (i in kept) printf "%s", texts[i]
            for (i = header + 1; i <= other_count; i++) print other[i]
        }
    ' - "$workspace/Cargo.lock"
}

# Prints the names of the packages whose manifests are here.
names() {
    find . -name Cargo.toml ! -path '*/.third-party/*' -exec awk '
        FNR == 1 || /^[ \t]*\[/ { in_package = /^[ \t]*\[[ \t]*package[ \t]*\]/ }
        in_package && /^[ \t]*name[ \t]*=/ { gsub(/^[^"]*"|".*$/, ""); printf "%s ", $0 }
    ' {} +
}

stub() {
    mkdir -p "$out/$(dirname "$1")"
    printf '%s' "$2" >"$out/$1"
}

# Adds the package of what is resolved and not compiled, where there is one.
not_compiled() {
    package=.third-party/not-compiled
    [ -f "$workspace/$package/Cargo.toml" ] || return 0
    members="$members, \"$package\""
    stub "$workspace/$package/lib.rs" ''
    cp "$workspace/$package/Cargo.toml" "$out/$workspace/$package/"
}

# Writes the package of the third-party crates, and the lock file.
third_party() {
    mkdir -p "$out/$workspace/.third-party"
    cp "$workspace/.third-party/Cargo.toml" "$out/$workspace/.third-party/"
    stub "$workspace/.third-party/lib.rs" ''
    stub "$workspace/.third-party/build.rs" 'fn main() {}'
    if [ -f "$workspace/Cargo.lock" ]; then lock "$1" >"$out/$workspace/Cargo.lock"; fi
}

action=$1
case "$action" in toolchain | target | crates | dependencies)
    shift
    "$action" "$@"
    exit
    ;;
esac
out=$2 workspace=$3 resolver=$4 members='".third-party"' keep='' kinds=workspace
root=./$workspace/Cargo.toml
[ "$workspace" != . ] || root=./Cargo.toml
shift 4
while [ $# -gt 0 ]; do
    case "$1" in
    --root-package) kinds='package-and-workspace' && shift && continue ;;
    --member) members="$members, \"$2\"" ;;
    --keep) keep="$keep $2" ;;
    --lib) stub "$2" '' ;;
    --main) stub "$2" 'fn main() {}' ;;
    esac
    shift 2
done
if [ "$action" = third-party ]; then
    third_party ''
    not_compiled
    manifest third-party "$root" >"$out/$root"
    find "$out" -exec touch -d @0 {} +
    exit
fi
find . -name Cargo.toml ! -path '*/.third-party/*' | while read -r file; do
    mkdir -p "$out/${file%/*}"
    if [ "$file" = "$root" ]; then manifest "$kinds" "$file"; else manifest package "$file"; fi >"$out/$file"
done
third_party "$(names)"
find "$out" -exec touch -d @0 {} +
