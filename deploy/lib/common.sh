# shellcheck shell=bash
# What deploy/run and deploy/test share: messages, packages, configuring and building a preset.
# Sourced. Every step is a no-op when it has been done before.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

source "$root/deploy/lib/packages.sh"

# Objects are shared between build folders and clones; a precompiled header needs the sloppiness.
export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

jobs=${TROUPE_JOBS:-$(nproc)}

# configure PRESET [ARG...]: runs CMake when the folder is new or was configured with other ARGs.
configure() {
  local preset=$1 dir=$root/build/$1
  shift
  if [[ -f $dir/build.ninja && $(cat "$dir/.configured" 2>/dev/null) == "$*" ]]; then return 0; fi
  mkdir -p "$dir"
  cmake --preset "$preset" "$@" >"$dir/configure.log" 2>&1 || {
    cat "$dir/configure.log" >&2
    die "configuring preset $preset failed (log above)"
  }
  echo "$*" >"$dir/.configured"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  ninja -C "$root/build/$preset" -j "$jobs" "$@" | sed -u '/no work to do/d' >&2 ||
    die "building preset $preset failed"
}
