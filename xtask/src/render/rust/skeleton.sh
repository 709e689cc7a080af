# Prepares what the Rust stages need; runs in the builder.
#   target                  names the compilation target for TARGETARCH, and installs a linker if it is not the builder's
#   skeleton [--lib F] [--main F]    the manifests for the dependency stages, with empty sources: into /skeleton
#   manifests [--own M] [--lib F] [--main F]    the same for a build, where the named manifests keep their version
# The manifests are those below the current folder. Left out is what no compiler reads (metadata of other tools, tests,
# benches, examples); versions of the repository's own packages are masked, so that a new one compiles no dependency anew.
set -eu

target() {
    case "$TARGETARCH" in
    amd64) target=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu ;;
    arm64) target=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu ;;
    *) echo "no Rust target is known for the platform linux/$TARGETARCH" >&2 && exit 1 ;;
    esac
    printf '%s' "$target" >/rust-target
    printf '[build]\ntarget = "%s"\n' "$target" >>"$CARGO_HOME/config.toml"
    [ "$BUILDARCH" != "$TARGETARCH" ] || return 0
    apt-get update
    apt-get install --yes --no-install-recommends "gcc-$(echo "$gnu" | tr _ -)" "libc6-dev-$TARGETARCH-cross"
    rm -rf /var/lib/apt/lists/*
    # A toolchain without rustup has to bring its targets itself.
    if command -v rustup >/dev/null; then rustup target add "$target"; fi
    printf '[target.%s]\nlinker = "%s-gcc"\n' "$target" "$gnu" >>"$CARGO_HOME/config.toml"
}

# Prints a manifest; with mask=1 without the versions of the repository's own packages.
manifest() {
    awk -v mask="$1" '
        function flush(    i) {
            for (i = 1; i <= held; i++) if (!(local && line[i] ~ /^version[ \t]*=/)) print line[i]
            held = 0; local = 0
        }
        { sub(/\r$/, "") }
        /^[ \t]*\[+[ \t]*(package|workspace|lib|bin|test|bench|example|features|dependencies|dev-dependencies|build-dependencies|target|profile|patch|replace|lints|badges)[]. \t]/ {
            flush()
            section = $0
            gsub(/^[ \t]*\[+[ \t]*|[ \t]*\].*$/, "", section)
        }
        section ~ /^(package|workspace)\.metadata/ || section ~ /^(test|bench|example|badges)$/ { next }
        mask && section ~ /^(workspace\.)?package$/ && /^[ \t]*version[ \t]*=[ \t]*"/ { print "version = \"0.0.0\""; next }
        section ~ /dependencies\./ { line[++held] = $0; if ($0 ~ /^path[ \t]*=/) local = 1; next }
        section ~ /dependencies$/ && /[{,][ \t]*path[ \t]*=/ { gsub(/version[ \t]*=[ \t]*"[^"]*"[ \t]*,?/, ""); gsub(/,[ \t]*}/, " }") }
        { print }
        END { flush() }
    ' "$2"
}

# Prints a lock file with the version 0.0.0 for every package that has no source, which is the repository its own.
lock() {
    awk '
        { sub(/\r$/, "") }
        NR == FNR {
            if (/^\[\[package\]\]/) name = ""
            else if (/^name = /) { name = $3; version = "" }
            else if (/^version = /) version = $3
            else if (/^source = /) name = ""
            else if (/^$/ && name != "") own[name] = version
            next
        }
        FNR == 1 { if (name != "") own[name] = version }
        /^name = / { current = $3 }
        /^version = / && (current in own) && own[current] == $3 { print "version = \"0.0.0\""; next }
        /^ "/ {
            entry = $0; gsub(/^ "|",?$/, "", entry)
            if (split(entry, word, " ") == 2 && ("\"" word[1] "\"" in own) && own["\"" word[1] "\""] == "\"" word[2] "\"")
                sub(/ [^ ]*",$/, " 0.0.0\",")
        }
        { print }
    ' "$1" "$1"
}

manifests() {
    find . -name Cargo.toml | while read -r file; do
        mkdir -p "/skeleton/${file%/*}"
        mask=1
        case " $own " in *" ${file#./} "*) mask=0 ;; esac
        manifest "$mask" "$file" >"/skeleton/$file"
    done
    find . -name Cargo.lock | while read -r file; do lock "$file" >"/skeleton/$file"; done
}

stub() {
    mkdir -p "/skeleton/$(dirname "$1")"
    printf '%s' "$2" >"/skeleton/$1"
}

action=$1 own=
shift
if [ "$action" = target ]; then
    target
    exit
fi
while [ $# -gt 0 ]; do
    case "$1" in
    --lib) stub "$2" '' ;;
    --main) stub "$2" 'fn main() {}' ;;
    --own) own="$own $2" ;;
    esac
    shift 2
done
manifests
