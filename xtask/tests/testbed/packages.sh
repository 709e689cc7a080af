# shellcheck shell=bash
# Debian packages without installing them: an apt of our own, then `dpkg-deb -x` into a folder.
# Sourced after lib.sh, whose $dir these use.
# shellcheck disable=SC2154

stable_suite=trixie # the release of the base images

this_suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# The mirror that the machine's own apt uses for its release, as `update` would read it.
debian_mirror() {
  apt-get update --print-uris | sed -n "s#^'\(.*\)/dists/$(this_suite)/InRelease'.*#\1#p" | head -n 1
}

# An apt configuration whose sources, lists and cache are in this folder; the machine's stay untouched.
# $1: the further suite that the engine comes from.
set_up_apt() {
  local apt=$dir/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(command -v apt-get >/dev/null && debian_mirror) || true
  [[ -n $mirror && -e $keyring ]] ||
    fail "no Debian package sources on this machine (apt-get with $keyring)" \
      "start a Docker engine so that 'docker info' answers, or use a Debian machine"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
  write_sources "$(this_suite) $1" "$(dpkg --print-architecture)" >"$apt/sources/engine.sources"
  write_sources "$stable_suite" 'amd64 arm64' >"$apt/sources/bases.sources"
  cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/sources";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
APT::Architectures { "amd64"; "arm64"; };
END
  say "reading the package lists of $(this_suite), $1 and $stable_suite"
  apt-get -c "$apt/apt.conf" update -qq -o APT::Update::Error-Mode=any >&2 ||
    fail "apt-get update failed for $mirror" "is the package mirror reachable?"
}

# write_sources SUITES ARCHITECTURES
write_sources() {
  cat <<END
Types: deb
URIs: $mirror
Suites: $1
Components: main
Architectures: $2
Targets: Packages
Signed-By: $keyring
END
}

# unpack_packages TREE NAME[:ARCHITECTURE]/SUITE…: downloads and unpacks, all or nothing.
unpack_packages() {
  local tree=$1 partial=$1.partial deb
  shift
  rm -rf "$partial"
  mkdir -p "$partial/debs" "$partial/tree"
  say "downloading $*"
  (cd "$partial/debs" && apt-get -c "$dir/apt/apt.conf" download -qq "$@" >&2) ||
    fail "apt-get download failed for: $*"
  for deb in "$partial"/debs/*.deb; do dpkg-deb -x "$deb" "$partial/tree"; done
  mv "$partial/tree" "$tree"
  rm -rf "$partial"
}
