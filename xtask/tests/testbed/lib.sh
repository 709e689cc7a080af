# shellcheck shell=bash
# What `up`, `bases` and `down` share: the folder, its layout, messages and waiting.
# Sourced after `set -euo pipefail`; the variables are for the scripts that source it.
# shellcheck disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)

builder=testbed-remote                    # buildx's name for the second builder
registry_container=xtask-testbed-registry # only on an engine of the machine's own

say() { printf 'testbed: %s\n' "$*" >&2; }

# fail MESSAGE [HINT]
fail() {
  printf 'testbed: error: %s\n' "$1" >&2
  if [[ -n ${2:-} ]]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

# Chooses the folder and derives every path of the layout from it.
use_folder() {
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  # A unix socket's path has at most 107 bytes; containerd's is the longest below.
  if ((${#dir} > 65)); then
    fail "the folder's path is too long for unix sockets: $dir" "pass a shorter one, such as /tmp/testbed"
  fi
  root=$dir/root        # unpacked Debian packages
  bin=$dir/bin          # what goes on PATH
  state=$dir/state      # data of the daemons
  run=$dir/run          # sockets, pid files and logs
  docker_socket=$run/docker.sock
  buildkit_socket=$run/buildkitd.sock
  mkdir -p "$bin" "$state" "$run"
  # The engine must not find the machine's older containerd or runc first.
  engine_path=$root/usr/bin:$root/usr/sbin:$PATH
}

# The folder's own Docker client settings; nothing of the user's is read or changed.
use_private_client() {
  export DOCKER_HOST=unix://$docker_socket DOCKER_CONFIG=$dir/docker-config BUILDX_CONFIG=$dir/buildx
  export PATH=$bin:$PATH
}

# An env file sourced before must not make the private engine look like the machine's.
forget_private_client() {
  if [[ ${TESTBED_ENGINE:-} == private ]]; then
    unset DOCKER_HOST DOCKER_CONFIG BUILDX_CONFIG
  fi
}

# One `up` or `down` at a time in a folder. Daemons are started with descriptor 9 closed.
lock_folder() {
  exec 9>"$dir/lock"
  flock -w 900 9 || fail "another testbed command has held $dir/lock for 15 minutes"
}

# is_running NAME: does its pid file name a live process that runs out of this folder?
is_running() {
  local pid_file=$run/$1.pid pid
  [[ -s $pid_file ]] || return 1
  pid=$(<"$pid_file")
  [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$dir"/* ]]
}

# wait_until SECONDS COMMAND…: polls; false when the time is over.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

# start NAME READY COMMAND…: in a session of its own, unless it runs already; READY is polled.
start() {
  local name=$1 ready=$2
  shift 2
  if ! is_running "$name"; then
    say "starting $name"
    PATH=$engine_path setsid nohup "$@" >"$run/$name.log" 2>&1 </dev/null 9>&- &
    echo $! >"$run/$name.pid"
  fi
  # shellcheck disable=SC2086 # READY is a command with its arguments
  if ! wait_until 60 is_ready_or_dead "$(<"$run/$name.pid")" $ready || ! is_running "$name"; then
    tail -n 15 "$run/$name.log" >&2
    fail "$name did not start" "its log is $run/$name.log; a private engine needs cgroups and overlayfs"
  fi
}

# is_ready_or_dead PID READY…
is_ready_or_dead() {
  local pid=$1
  shift
  "$@" || ! kill -0 "$pid"
}

# stop NAME: asks, waits, and insists after half a minute.
stop() {
  local name=$1 pid
  is_running "$name" || return 0
  pid=$(<"$run/$name.pid")
  say "stopping $name ($pid)"
  kill "$pid"
  wait_until 30 is_gone "$pid" || {
    say "$name did not stop in 30 s: killing it"
    kill -KILL "$pid"
    wait_until 10 is_gone "$pid" || fail "$name ($pid) can't be stopped"
  }
  rm -f "$run/$name.pid"
}

# A zombie is gone too: its parent may be slow to collect it.
is_gone() { ! [[ -e /proc/$1 ]] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }
