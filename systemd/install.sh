#!/bin/sh
# Puts Tebura's parts on this machine as services.
#
#   install.sh [OPTIONS] PART ...
#
# PART is `gateway`, `broker` (Debian's mosquitto, locked down) or `edge:NAME`, a node configured
# by /etc/tebura/NAME.toml. Run it again to update or to add parts; nothing happens twice.
#
#   --store NAME    the store's name in the topics; `broker` needs it
#   --prefix DIR    write below DIR, touch no running system (an image, or a look before)
#   --no-program    leave /opt/tebura as it is: only units, broker configuration and users
#   --no-start      install, but neither enable nor start anything
#   --dry-run       say what would be done
#   --uninstall     stop and remove the parts named, or all; keeps /etc/tebura and all data
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
tree=$(dirname "$here")
prefix='' store='' parts=''
is_dry='' is_uninstall='' has_program=1 is_starting=1

say() { printf 'install: %s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,16s/^# \{0,1\}//p' "$0"; }

while [ $# -gt 0 ]; do
    case $1 in
        --store) store=${2:?--store needs a name}; shift ;;
        --prefix) prefix=${2:?--prefix needs a folder}; shift ;;
        --no-program) has_program='' ;;
        --no-start) is_starting='' ;;
        --dry-run) is_dry=1 ;;
        --uninstall) is_uninstall=1 ;;
        -h | --help) usage; exit 0 ;;
        gateway | broker | edge:?*) parts="$parts $1" ;;
        *) usage >&2; die "what is $1?" ;;
    esac
    shift
done
[ -n "$parts" ] || [ -n "$is_uninstall" ] || { usage >&2; die "name at least one part"; }
# A folder that is not this machine has no services to start.
[ -z "$prefix" ] || is_starting=''
units=$prefix/etc/systemd/system

# Runs, or with --dry-run tells, what changes the machine.
run() {
    if [ -n "$is_dry" ]; then say "would run: $*"; else "$@"; fi
}

# place SOURCE TARGET MODE: write SOURCE (@store@ and @etc@ filled in) unless it is there already.
place() {
    wanted=$(sed "s|@store@|$store|g; s|@etc@|/etc|g" "$1" && echo .)
    if [ -f "$2" ] && [ "$(cat "$2" && echo .)" = "$wanted" ]; then return 0; fi
    say "writing $2"
    [ -z "$is_dry" ] || return 0
    mkdir -p "$(dirname "$2")"
    printf '%s' "${wanted%.}" >"$2.new"
    chmod "$3" "$2.new"
    mv "$2.new" "$2"
}

take_away() {
    if [ -e "$1" ] || [ -L "$1" ]; then
        say "removing $1"
        run rm -rf "$1"
    fi
}

service_of() {
    case $1 in
        gateway) echo tebura-gateway.service ;;
        broker) echo mosquitto.service ;;
        edge:*) echo "tebura-edge@${1#edge:}.service" ;;
    esac
}

config_of() {
    case $1 in
        gateway) echo gateway ;;
        edge:*) echo "${1#edge:}" ;;
    esac
}

# Refuses before anything is written, and names everything that is in the way.
check() {
    problems=''
    in_the_way() { problems="$problems
  $*"; }
    if [ -z "$prefix" ]; then
        [ -n "$is_dry" ] || [ "$(id -u)" = 0 ] || in_the_way "needs root: sudo $0 …"
        [ -d /run/systemd/system ] || [ -n "$is_dry" ] || in_the_way "this machine does not run systemd (an image? --prefix DIR)"
    fi
    for part in $parts; do
        name=$(config_of "$part")
        case $name in
            *[!a-z0-9-]* | -*) in_the_way "$name: a node's name is lower-case letters, digits and dashes" ;;
        esac
        if [ -n "$name" ] && [ ! -f "$prefix/etc/tebura/$name.toml" ]; then
            in_the_way "$part has no configuration: $prefix/etc/tebura/$name.toml"
        fi
        [ "$part" = broker ] || continue
        case $store in
            '') in_the_way "broker needs --store NAME" ;;
            *[!a-z0-9-]* | -*) in_the_way "$store: a store's name is lower-case letters, digits and dashes" ;;
        esac
        [ -d "$prefix/etc/mosquitto/conf.d" ] || in_the_way "no mosquitto here: apt-get install mosquitto"
        for file in ca.crt ca.crl broker.crt broker.key; do
            [ -f "$prefix/etc/tebura/tls/$file" ] ||
                in_the_way "broker has no $prefix/etc/tebura/tls/$file: see systemd/certificate.sh"
        done
    done
    [ -z "$problems" ] || die "nothing was changed, because:$problems"
}

# A copy of this tree with an environment of its own: services must not depend on anybody's home.
install_program() {
    opt=$prefix/opt/tebura
    if [ "$tree" != "$opt" ]; then
        say "copying the program to $opt"
        [ -n "$is_dry" ] || {
            rm -rf "$opt.new"
            mkdir -p "$opt.new" "$opt"
            tar -C "$tree" --exclude=./.venv --exclude=./.git --exclude=./.venv.lock --exclude='./.*_cache' --exclude=./.hypothesis --exclude=__pycache__ \
                -cf - . | tar -C "$opt.new" --no-same-owner -xf -
            if [ -d "$opt/.venv" ]; then mv "$opt/.venv" "$opt.new/.venv"; fi
            rm -rf "$opt"
            mv "$opt.new" "$opt"
        }
    fi
    # Built where it will run: an environment cannot be moved, so not below a prefix.
    if [ -z "$prefix" ]; then
        run "$opt/tebura" setup
        # The services may not write here.
        run "$opt/.venv/bin/python" -m compileall -q "$opt/.venv/lib" || true
    fi
}

install_part() {
    case $1 in
        broker)
            place "$here/mosquitto/tebura.conf" "$prefix/etc/mosquitto/conf.d/tebura.conf" 644
            place "$here/mosquitto/tebura.acl" "$prefix/etc/mosquitto/tebura.acl" 644
            place "$here/mosquitto.service.d/tebura.conf" "$units/mosquitto.service.d/tebura.conf" 644
            ;;
        gateway) place "$here/tebura-gateway.service" "$units/tebura-gateway.service" 644 ;;
        edge:*) place "$here/tebura-edge@.service" "$units/tebura-edge@.service" 644 ;;
    esac
    name=$(config_of "$1")
    if [ -n "$name" ] && [ ! -d "$prefix/etc/tebura/keys/$name" ]; then
        say "making $prefix/etc/tebura/keys/$name (root only: keys of $name go there)"
        run mkdir -p -m 700 "$prefix/etc/tebura/keys/$name"
    fi
    # A node's keys reach it as systemd credentials; the gateway reads its own folder.
    if [ "$name" = gateway ] && [ -z "$prefix" ]; then
        run chmod 711 "$prefix/etc/tebura/keys"
        run chgrp -R tebura-gateway "$prefix/etc/tebura/keys/gateway"
        run chmod -R u=rwX,g=rX,o= "$prefix/etc/tebura/keys/gateway"
    fi
}

start_parts() {
    run systemctl daemon-reload
    for part in $parts; do
        service=$(service_of "$part")
        run systemctl enable --quiet "$service"
        run systemctl restart "$service" ||
            die "$service does not start: journalctl -u $service"
        say "$service runs"
    done
}

uninstall() {
    if [ -z "$parts" ]; then
        is_all=1
        parts='gateway broker'
        for wanted in "$units"/multi-user.target.wants/tebura-edge@*.service; do
            [ -L "$wanted" ] || continue
            name=${wanted##*tebura-edge@}
            parts="$parts edge:${name%.service}"
        done
    fi
    for part in $parts; do
        service=$(service_of "$part")
        if [ -z "$prefix" ] && [ "$part" != broker ]; then
            run systemctl disable --now --quiet "$service" || true
        fi
        case $part in
            broker)
                take_away "$prefix/etc/mosquitto/conf.d/tebura.conf"
                take_away "$prefix/etc/mosquitto/tebura.acl"
                take_away "$units/mosquitto.service.d/tebura.conf"
                ;;
            gateway) take_away "$units/tebura-gateway.service" ;;
        esac
    done
    if [ -n "${is_all:-}" ]; then
        take_away "$units/tebura-edge@.service"
        take_away "$prefix/etc/sysusers.d/tebura.conf"
        take_away "$prefix/opt/tebura"
    fi
    [ -n "$prefix" ] || run systemctl daemon-reload
    case " $parts " in *' broker '*) [ -n "$prefix" ] || run systemctl try-restart mosquitto ;; esac
    say "kept: $prefix/etc/tebura, $prefix/var/lib/tebura*, the system users"
}

if [ -n "$is_uninstall" ]; then
    [ -n "$prefix" ] || [ -n "$is_dry" ] || [ "$(id -u)" = 0 ] || die "needs root"
    uninstall
    exit 0
fi
check
place "$here/tebura.sysusers" "$prefix/etc/sysusers.d/tebura.conf" 644
[ -n "$prefix" ] || run systemd-sysusers "/etc/sysusers.d/tebura.conf"
[ -z "$has_program" ] || install_program
for part in $parts; do install_part "$part"; done
if [ -n "$is_starting" ]; then start_parts; fi
say "done:$parts"
