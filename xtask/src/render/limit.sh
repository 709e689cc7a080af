# Runs a command once there is a place among the compilations of this builder: of all builds, of every repository.
# There are as many places as JOBS says, or as there are processors; JOBS also limits the compilers of each.
set -eu

if [ -n "${JOBS:-}" ]; then export CARGO_BUILD_JOBS="$JOBS" GOMAXPROCS="$JOBS"; fi
command -v flock >/dev/null || exec "$@"
places=${JOBS:-$(nproc)}

# The command inherits the lock, and a build that is killed loses it.
place=0
while [ "$place" -lt "$places" ]; do
    exec 9>"/compilations/$place"
    if flock -n 9; then exec "$@"; fi
    place=$((place + 1))
done
exec 9>"/compilations/$((1$(date +%N) % places))"
flock 9
exec "$@"
