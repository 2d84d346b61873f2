#!/bin/sh
# A machine that has never seen Tebura: a minimal Debian with Python and nothing else, a fresh
# copy of what is committed, and the two commands a newcomer types, timed.
#
#   tests/hardware/bare.sh                     ./tebura demo, then ./tebura test
#   tests/hardware/bare.sh setup 'demo --json' these instead, one ./tebura command each
#   tests/hardware/bare.sh .ci/run             what continuous integration does there
#
# Needs root and debootstrap. SUITE picks the Debian release (bookworm, trixie), TEBURA_CACHE where
# the downloaded root is kept between runs, KEEP=1 leaves the machine's folder for a look inside.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
suite=${SUITE:-bookworm}
cache=${TEBURA_CACHE:-$HOME/.cache/tebura}
base=$cache/bare-$suite.tar
# Beside the usual place, which installing ca-certificates would write anew.
host_ca=/etc/ssl/host/ca.crt

say() { printf 'bare: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || die "needs root, for chroot"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"

if [ "${1:-}" = --inside ]; then
    # In a mount namespace of its own: what is mounted here vanishes with this process.
    machine=$2
    shift 2
    mount --make-rprivate /
    mount -t proc proc "$machine/proc"
    mount --rbind /sys "$machine/sys"
    mount --rbind /dev "$machine/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$machine/tmp"
    status=0
    for command in "$@"; do
        case $command in
            .ci/*) line=./$command ;;
            *) line="./tebura $command" ;;
        esac
        began=$(date +%s)
        result=0
        # shellcheck disable=SC2016,SC2086
        chroot "$machine" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
            PIP_CERT="$host_ca" \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            sh -c 'cd /root/tebura && exec "$@"' bare $line </dev/null || result=$?
        took=$(($(date +%s) - began))
        say "$line: $(if [ $result = 0 ]; then echo passed; else echo "FAILED ($result)"; fi) in $took s"
        [ $result = 0 ] || status=1
    done
    exit $status
fi

if [ ! -f "$base" ]; then
    mkdir -p "$cache"
    fresh=$(mktemp -d "$cache/bare-XXXXXX")
    say "fetching a minimal $suite (once)"
    debootstrap --variant=minbase --include=python3 "$suite" "$fresh" >"$cache/bare.log" 2>&1 ||
        die "debootstrap failed, see $cache/bare.log"
    rm -rf "$fresh/var/cache/apt/archives"/*.deb
    tar -C "$fresh" -cf "$base.part" . && mv "$base.part" "$base"
    rm -rf "$fresh"
fi

machine=$(mktemp -d "$cache/machine-XXXXXX")
if [ "${KEEP:-}" = 1 ]; then say "machine: $machine"; else trap 'rm -rf "$machine"' EXIT; fi
tar -C "$machine" --numeric-owner -xf "$base"
# mktemp made the root for one user alone; a system has others.
chmod 755 "$machine"
for tool in make git gcc pip pip3 curl; do
    [ ! -e "$machine/usr/bin/$tool" ] || die "$tool is there: not a bare machine"
done
# The machine's way to the network is this host's, a mirror set up here included.
for file in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf.d/*proxy*; do
    if [ -f "$file" ]; then cp -L "$file" "$machine$file"; fi
done
mkdir -p "$machine$(dirname "$host_ca")"
cp -L /etc/ssl/certs/ca-certificates.crt "$machine$host_ca"
mkdir -p "$machine/root/tebura"
git -C "$root" archive HEAD | tar -C "$machine/root/tebura" -xf -

if [ $# = 0 ]; then set -- demo test; fi
unshare --mount --pid --fork --kill-child sh "$0" --inside "$machine" "$@"
