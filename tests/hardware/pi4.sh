#!/bin/sh
# The edge package with its aarch64 wheels on an emulated Raspberry Pi: same results as here?
#
#   tests/hardware/pi4.sh                    smoke, plates, then a recording with video (half an hour or more)
#   tests/hardware/pi4.sh smoke [MODEL.onnx] numpy, OpenCV, networks: results beside this host's
#   tests/hardware/pi4.sh plates             a minute of weighing, its events beside this host's
#   tests/hardware/pi4.sh replay REC.mcap …  events of a replay beside this host's
#   tests/hardware/pi4.sh python ARGUMENTS   that Python, for a look around
#
# Right results, meaningless speed. CPU picks the board: cortex-a72 (Pi 4, default) or cortex-a76
# (Pi 5). Needs qemu-user-static, debootstrap, root for the first run, and a built .venv;
# TEBURA_CACHE says where the Debian root and the wheels are kept between runs.
set -eu

repo=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
cache=${TEBURA_CACHE:-$HOME/.cache/tebura}
cpu=${CPU:-cortex-a72}
root=$cache/pi-root
host_python=$repo/.venv/bin/python
lock_sum=$(sha256sum <"$repo/requirements.lock" | cut -c1-12)
site=$cache/pi-site-$lock_sum

say() { printf 'pi4: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

for tool in debootstrap qemu-aarch64-static dpkg-deb; do
    command -v "$tool" >/dev/null || die "$tool is missing: apt-get install debootstrap qemu-user-static"
done
[ -x "$host_python" ] || die "no .venv: run ./tebura setup"

# Debian 12 as Raspberry Pi OS has it. Nothing of it is configured or run as a system: the
# emulator only needs the files.
make_root() {
    [ ! -f "$root/.done" ] || return 0
    say "fetching an arm64 Debian root (once)"
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3,libstdc++6,libgomp1 \
        bookworm "$root" >"$cache/pi.log" 2>&1 || die "debootstrap failed, see $cache/pi.log"
    for deb in "$root"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$deb" "$root"; done
    touch "$root/.done"
}

# onnxruntime reads the processor from here and dies on what the emulator makes up.
make_cpuinfo() {
    part=0xd08 model='Raspberry Pi 4 Model B Rev 1.4'
    features='fp asimd evtstrm crc32 cpuid'
    if [ "$cpu" = cortex-a76 ]; then
        part=0xd0b model='Raspberry Pi 5 Model B Rev 1.0'
        features='fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp'
    fi
    mkdir -p "$root/proc"
    for core in 0 1 2 3; do
        printf 'processor\t: %s\nBogoMIPS\t: 108.00\nFeatures\t: %s\n' "$core" "$features"
        printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n'
        printf 'CPU part\t: %s\nCPU revision\t: 3\n\n' "$part"
    done >"$root/proc/cpuinfo"
    printf 'Model\t\t: %s\n' "$model" >>"$root/proc/cpuinfo"
}

make_site() {
    [ ! -f "$site/.done" ] || return 0
    say "fetching the aarch64 wheels of requirements.lock (once a lock)"
    rm -rf "$site" "$cache/pi-wheels"
    mkdir -p "$site" "$cache/pi-wheels"
    platforms='--platform linux_aarch64'
    for minor in 17 24 26 27 28 31 34 35 36; do
        platforms="$platforms --platform manylinux_2_${minor}_aarch64"
    done
    # sdnotify exists as source only; it is one plain module, taken from the host's environment.
    "$host_python" - "$repo/requirements.lock" >"$cache/pi-requirements.txt" <<'PYTHON'
import re, sys
for entry in re.split(r"\n(?=\S)", open(sys.argv[1]).read().strip()):
    if not entry.startswith("sdnotify=="):
        print(entry)
PYTHON
    # shellcheck disable=SC2086
    "$host_python" -m pip download --quiet --no-deps --require-hashes --only-binary :all: \
        --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
        $platforms --platform manylinux2014_aarch64 --platform any \
        --dest "$cache/pi-wheels" -r "$cache/pi-requirements.txt" || die "a wheel is missing"
    for wheel in "$cache"/pi-wheels/*.whl; do
        "$host_python" -m zipfile -e "$wheel" "$site"
    done
    cp -r "$("$host_python" -c 'import pathlib, sdnotify; print(pathlib.Path(sdnotify.__file__).parent)')" "$site/"
    rm -rf "$cache/pi-wheels"
    touch "$site/.done"
}

packages=
for folder in contract edge models calibration gateway simulator; do
    packages=$packages${packages:+:}$repo/$folder
done

pi_python() {
    PYTHONPATH=$site:$packages PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1 \
        qemu-aarch64-static -cpu "$cpu" -L "$root" "$root/usr/bin/python3.11" "$@"
}

beside_host() {
    name=$1
    shift
    work=$(mktemp -d)
    began=$(date +%s)
    "$host_python" "$@" >"$work/host.jsonl" || die "$name failed on this host"
    pi_python "$@" >"$work/pi.jsonl" || die "$name failed on the emulated $cpu"
    "$host_python" "$repo/tests/hardware/compare.py" "$work/host.jsonl" "$work/pi.jsonl" \
        ${tolerance:+"$tolerance"} ||
        die "$name differs on the emulated $cpu"
    say "$name: the same on $cpu and here, $(wc -l <"$work/pi.jsonl") lines, $(($(date +%s) - began)) s"
    rm -rf "$work"
}

smoke() {
    tolerance=0.001
    beside_host smoke "$repo/tests/hardware/smoke.py" "$@"
    tolerance=
}
replay() { beside_host "replay of $(basename "$1")" -m tebura_simulator.cli replay "$1" --json; }

plates() {
    folder=$(mktemp -d)
    "$host_python" "$repo/tests/hardware/plates_csv.py" >"$folder/plates.csv"
    "$host_python" -m tebura_simulator.cli import --plates "$folder/plates.csv" -o "$folder/plates.mcap" \
        --layout "$repo/simulator/tebura_simulator/demo/layout.toml" >/dev/null
    replay "$folder/plates.mcap"
    rm -rf "$folder"
}

mkdir -p "$cache"
make_root
make_cpuinfo
make_site
command=${1:-all}
if [ $# -gt 0 ]; then shift; fi
case $command in
    smoke) smoke "$@" ;;
    plates) plates ;;
    replay) for recording in "$@"; do replay "$recording"; done ;;
    python) pi_python "$@" ;;
    all)
        smoke
        plates
        replay "$repo/simulator/tebura_simulator/demo/recordings/1-take-two-put-one-back.mcap"
        ;;
    *) die "no such command: $command" ;;
esac
