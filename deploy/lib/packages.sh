# shellcheck shell=bash
# shellcheck disable=SC2154  # root comes from common.sh
# Debian packages from the lists in deploy/packages. Sourced; needs `root` and `say`, `die`.
#
# The check costs one dpkg-query and no network; apt is asked only when something is missing.

# have_package NAME: true when it is installed, by the set read once in `installed`.
have_package() {
  if [[ -z ${installed:-} ]]; then
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' 2>/dev/null) "
  fi
  [[ $installed == *" installed:$1 "* ]]
}

# lines LIST...: the lists' lines without comments.
lines() {
  local list
  for list in "$@"; do
    sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$root/deploy/packages/$list.txt"
  done
}

# satisfied "a | b": true when one of the alternatives is installed.
satisfied() {
  local name
  for name in ${1//|/ }; do
    if have_package "$name"; then return 0; fi
  done
  return 1
}

# choose "a | b": prints the first alternative that this Debian has.
choose() {
  local name
  for name in ${1//|/ }; do
    if [[ $(apt-cache policy "$name") == *"Candidate: "[!\(]* ]]; then
      echo "$name"
      return 0
    fi
  done
  die "this system's package lists have none of: $1 (Troupe is built on Debian 12 or 13)"
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo --preserve-env=DEBIAN_FRONTEND "$@"
  else
    die "packages are missing and neither root nor sudo is at hand: run as root: apt-get install $*"
  fi
}

# install_packages LIST...: installs what the lists name and the system lacks.
install_packages() {
  local line log missing=() names=()
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: taking the packages of deploy/packages as given"
    return 0
  fi
  # A here-string, since process substitution needs a /dev/fd that minimal systems lack.
  while read -r line; do
    if [[ -n $line ]] && ! satisfied "$line"; then missing+=("$line"); fi
  done <<<"$(lines "$@")"
  if ((${#missing[@]} == 0)); then return 0; fi

  export DEBIAN_FRONTEND=noninteractive
  say "installing: ${missing[*]}"
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update ||
    say "apt-get update failed; going on with the package lists at hand"
  for line in "${missing[@]}"; do names+=("$(choose "$line")"); done
  log=$(mktemp)
  if ! as_root apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
    install --no-install-recommends "${names[@]}" >"$log" 2>&1; then
    tail -40 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: ${names[*]}"
  fi
  rm -f "$log"
  installed=
}
