#!/bin/sh
# A store's services on a machine that really boots: Debian 12 with systemd in a container, set up
# by systemd/certificate.sh and systemd/install.sh as the README there says. A broker with client
# certificates, the gateway and a weighing node must come up, come back after kill -9, and come back
# when they hang. The scale is a pseudo-terminal that speaks our frames.
#
#   tests/hardware/boot.sh
#
# Needs root, debootstrap and systemd-nspawn (package systemd-container). TEBURA_CACHE says where the
# Debian root is kept between runs; KEEP=1 leaves the machine's folder.
set -eu

repo=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
cache=${TEBURA_CACHE:-$HOME/.cache/tebura}
base=$cache/boot-bookworm.tar
host_ca=/etc/ssl/host/ca.crt
unit=tebura-edge@plates
wait_s=60

say() { printf 'boot: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || die "needs root"
for tool in debootstrap systemd-nspawn nsenter; do
    command -v "$tool" >/dev/null || die "$tool is missing: apt-get install debootstrap systemd-container"
done

mkdir -p "$cache"
if [ ! -f "$base" ]; then
    fresh=$(mktemp -d "$cache/boot-XXXXXX")
    say "fetching a Debian with systemd and mosquitto (once)"
    debootstrap --variant=minbase \
        --include=python3,python3-venv,systemd,systemd-sysv,dbus,mosquitto,openssl,ca-certificates \
        bookworm "$fresh" >"$cache/boot.log" 2>&1 || die "debootstrap failed, see $cache/boot.log"
    rm -rf "$fresh/var/cache/apt/archives"/*.deb
    tar -C "$fresh" -cf "$base.part" . && mv "$base.part" "$base"
    rm -rf "$fresh"
fi

machine=$(mktemp -d "$cache/machine-XXXXXX")
nspawn=
finish() {
    if [ -n "$nspawn" ]; then kill "$nspawn" 2>/dev/null || true; wait "$nspawn" 2>/dev/null || true; fi
    if [ "${KEEP:-}" = 1 ]; then say "machine: $machine"; else rm -rf "$machine"; fi
}
trap finish EXIT
tar -C "$machine" --numeric-owner -xf "$base"
# mktemp made the root for one user alone; a system has others.
chmod 755 "$machine"
: >"$machine/etc/machine-id"
mkdir -p "$machine$(dirname "$host_ca")" "$machine/opt/tebura" "$machine/etc/tebura"
cp -L /etc/ssl/certs/ca-certificates.crt "$machine$host_ca"
cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
git -C "$repo" archive HEAD | tar -C "$machine/opt/tebura" -xf -

# The environment is built with this host's network; the machine then boots with none but its own.
say "building the environment"
systemd-nspawn -q -D "$machine" --register=no --keep-unit --pipe --setenv=PIP_CERT="$host_ca" \
    /opt/tebura/tebura setup </dev/null
say "booting"
systemd-nspawn -q -D "$machine" --register=no --keep-unit --private-network --boot \
    --console=pipe </dev/null >"$cache/boot-console.log" 2>&1 &
nspawn=$!

inside() {
    init=$(cat "/proc/$nspawn/task/$nspawn/children")
    nsenter -t "${init%% *}" -m -u -i -p -n -r -w -- /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# until_true WHAT COMMAND ...: wait until it succeeds.
until_true() {
    what=$1
    shift
    began=$(date +%s)
    until "$@" >/dev/null 2>&1; do
        if [ $(($(date +%s) - began)) -ge "$wait_s" ]; then
            inside journalctl --no-pager -n 60 -o cat -u 'tebura-*' -u mosquitto >&2 || true
            die "$what: not within $wait_s s"
        fi
        sleep 0.5
    done
    say "$what after $(($(date +%s) - began)) s"
}

python=/opt/tebura/.venv/bin/python
until_true "systemd runs" inside sh -c 'case $(systemctl is-system-running) in running|degraded) ;; *) exit 1 ;; esac'

cp "$repo/tests/hardware/scale_stand_in.py" "$repo/tests/hardware/node_health.py" "$machine/opt/"
inside systemd-run --quiet --unit=scale-stand-in "$python" /opt/scale_stand_in.py \
    /dev/serial/by-id/usb-Tebura_Scale_0001-if00
inside sh -eu <<'SETUP'
cd /opt/tebura
systemd/certificate.sh init >/dev/null
systemd/certificate.sh broker localhost 127.0.0.1 >/dev/null
systemd/certificate.sh client gateway >/dev/null
systemd/certificate.sh client plates >/dev/null
cp systemd/examples/gateway.toml systemd/examples/plates.toml /etc/tebura/
sed 's/"plates-1"/"plates"/' simulator/tebura_simulator/demo/layout.toml >/etc/tebura/layout.toml
cd /etc/tebura
umask 077
mkdir -p keys/gateway keys/plates
mv tls/gateway.key keys/gateway/mqtt.pem
mv tls/plates.key keys/plates/mqtt.pem
openssl rand -hex 32 | tee keys/gateway/plates.key >keys/plates/event.key
for name in camera-1.key gate-1.key entry.key http.key staff.token; do
    openssl rand -hex 32 >"keys/gateway/$name"
done
umask 022
mkdir calibration
/opt/tebura/.venv/bin/python - <<'PYTHON'
import time
from pathlib import Path

from tebura_contract.calibration import Calibration, PlateCalibration, dump_calibration
from tebura_contract.clock import Ns
from tebura_contract.layout import load_layout

plates = load_layout(Path("layout.toml")).plates()
gain = PlateCalibration(tare_counts=0.0, counts_per_g=100.0)
measured = Calibration(
    node="plates", measured_ns=Ns(time.time_ns()), plates={plate: gain for plate in plates}
)
Path("calibration/plates.2026-01-01.json").write_bytes(dump_calibration(measured))
PYTHON
SETUP
inside /opt/tebura/systemd/install.sh --store demo broker gateway edge:plates

boot_of_node() { inside "$python" /opt/node_health.py; }
is_newer() { now=$(boot_of_node) && [ "$now" -gt "$1" ]; }
until_true "the node is online at the broker" boot_of_node
first=$(boot_of_node)

inside systemctl kill -s KILL "$unit" tebura-gateway mosquitto
until_true "all is back after kill -9" is_newer "$first"
inside systemctl is-active --quiet mosquitto tebura-gateway "$unit"
second=$(boot_of_node)

inside systemctl kill -s STOP "$unit"
until_true "the watchdog restarts a node that hangs" is_newer "$second"

if inside journalctl --no-pager -o cat -u 'tebura-*' | grep -n Traceback; then
    die "a traceback in the journal"
fi
say "passed: $(inside systemd-analyze security --no-pager "$unit" | tail -n 1)"
