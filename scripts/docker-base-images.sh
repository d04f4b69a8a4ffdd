#!/usr/bin/env bash
# Makes sure that the images named in the Dockerfile's FROM lines are there, so that it can be built as it is.
#
# Where images can be pulled, they are pulled. Where they cannot (a closed network), local stand-ins of the same
# names are made: Debian by debootstrap from the machine's own package source, and Rust as that plus a C compiler and make,
# this machine's toolchain and the crates of Cargo.lock, so that the build inside needs no network at all.
# A stand-in carries the label `botyard.stand-in`; an image without it is never touched.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '[base-images] %s\n' "$*"; }
fail() { printf '[base-images] error: %s\n' "$*" >&2; exit 1; }

suite=bookworm
mapfile -t images < <(sed -n 's/^FROM  *\([^ ]*\).*/\1/p' Dockerfile)
work=$(mktemp -d /var/tmp/botyard-base.XXXXXX)
trap 'rm -rf "$work"' EXIT

label_of() { docker image inspect --format '{{ index .Config.Labels "botyard.stand-in" }}' "$1" 2>/dev/null; }

# What a stand-in for `$1` should be labelled: changes when it must be made anew.
wanted_label() {
  case "$1" in
    rust:*) printf 'rust %s %s' "$(rustc --version | cut -d' ' -f2)" "$(sha256sum Cargo.lock | cut -c1-16)" ;;
    *) printf 'debian %s' "$suite" ;;
  esac
}

pulled() { timeout 300 docker pull --quiet "$1" >/dev/null 2>"$work/pull.log"; }

debootstrap_ready() {
  command -v debootstrap >/dev/null && return
  [ "$(id -u)" = 0 ] || fail "no image can be pulled, and making one needs root and debootstrap"
  say "installing debootstrap"
  apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends debootstrap >/dev/null \
    || fail "cannot install debootstrap"
}

# Where this machine gets Debian's packages from; debootstrap's own default otherwise.
package_source() {
  cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' | head -n 1 || true
}

# debian_root FOLDER [PACKAGES]: the smallest Debian, without what apt only keeps for itself.
debian_root() {
  local root=$1 packages=${2:-} from
  from=$(package_source)
  debootstrap --variant=minbase ${packages:+--include="$packages"} "$suite" "$root" ${from:+"$from"} \
    >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/*
}

make_debian() {
  say "$1 cannot be pulled: making a stand-in by debootstrap (about half a minute)"
  debian_root "$work/debian"
  tar -C "$work/debian" -c . | docker import -c 'CMD ["bash"]' -c "LABEL botyard.stand-in=\"$(wanted_label "$1")\"" - "$1" >/dev/null
  rm -rf "$work/debian"
}

# The part that only changes with the toolchain: Debian, a C compiler, make, rustc and cargo.
make_toolchain() {
  local version sysroot root=$work/rust
  version=$(rustc --version | cut -d' ' -f2)
  toolchain=botyard-stand-in/toolchain:$version
  docker image inspect "$toolchain" >/dev/null 2>&1 && return
  say "making the compiler's stand-in from this machine's Rust $version (about a minute)"
  debian_root "$root" gcc,libc6-dev,make
  sysroot=$(rustc --print sysroot)
  mkdir -p "$root/usr/local/rust/bin"
  cp -a "$sysroot/lib" "$root/usr/local/rust/"
  cp -a "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$root/usr/local/rust/bin/"
  tar -C "$root" -c . | docker import -c 'CMD ["bash"]' \
    -c 'ENV PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    -c 'ENV CARGO_HOME=/usr/local/cargo' -c 'ENV CARGO_NET_OFFLINE=true' - "$toolchain" >/dev/null
  rm -rf "$root"
}

make_rust() {
  local home=${CARGO_HOME:-$HOME/.cargo} stage=$work/crates name version archive
  say "$1 cannot be pulled: making a stand-in with the crates of Cargo.lock"
  make_toolchain
  cargo fetch --locked --quiet || fail "the crates of Cargo.lock cannot be fetched"
  mkdir -p "$stage/registry"
  cp -a "$home/registry/index" "$stage/registry/"
  sed -n '/^name = /{s/name = "\(.*\)"/\1/;h;n;s/version = "\(.*\)"/\1/;H;n;/^source = "registry/{x;s/\n/-/p}}' Cargo.lock |
    while read -r name; do
      for archive in "$home"/registry/cache/*/"$name.crate"; do
        [ -e "$archive" ] || continue
        mkdir -p "$stage/registry/cache/$(basename "$(dirname "$archive")")"
        cp "$archive" "$stage/registry/cache/$(basename "$(dirname "$archive")")/"
      done
    done
  printf 'FROM %s\nCOPY registry /usr/local/cargo/registry\nLABEL botyard.stand-in="%s"\n' \
    "$toolchain" "$(wanted_label "$1")" > "$stage/Dockerfile"
  docker build --quiet --tag "$1" "$stage" >/dev/null
  rm -rf "$stage"
}

for image in "${images[@]}"; do
  have=absent
  docker image inspect "$image" >/dev/null 2>&1 && have=$(label_of "$image")
  case "$have" in
    "" | "<no value>") say "$image: here, as published"; continue ;;
    "$(wanted_label "$image")") say "$image: here, a stand-in made earlier"; continue ;;
  esac
  if pulled "$image"; then say "$image: pulled"; continue; fi
  debootstrap_ready
  case "$image" in
    debian:*) make_debian "$image" ;;
    rust:*) make_rust "$image" ;;
    *) sed 's/^/  /' "$work/pull.log" >&2; fail "\`$image\` cannot be pulled, and there is no stand-in for it" ;;
  esac
  say "$image: stand-in made"
done
