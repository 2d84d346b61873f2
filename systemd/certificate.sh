#!/bin/sh
# The store's own certificates: who holds one may speak on the store's broker, under its name.
#
#   certificate.sh init                  the store's authority (keep ca.key off the broker's machine
#                                        once all nodes have theirs)
#   certificate.sh broker HOST ...       the broker's, for every name and address it is reached by
#   certificate.sh client NAME           a node's (its node id), or the gateway's (`gateway`)
#   certificate.sh revoke NAME           NAME counts no longer; reload the broker afterwards
#
# Files lie in /etc/tebura/tls, or where TEBURA_TLS says. Nothing is ever overwritten: to renew,
# move the old files away first.
set -eu
umask 077

folder=${TEBURA_TLS:-/etc/tebura/tls}
client_days=397
authority_days=3650

die() { printf 'certificate: %s\n' "$*" >&2; exit 1; }
command -v openssl >/dev/null || die "openssl is missing: apt-get install openssl"

new_key() {
    [ ! -e "$folder/$1.key" ] || die "$folder/$1.key exists; move it away to make a new one"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/$1.key" 2>/dev/null
}

# sign NAME EXTENSIONS: certify NAME.key under that name.
sign() {
    [ -f "$folder/ca.key" ] || die "no authority in $folder: certificate.sh init"
    new_key "$1"
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "$2" >"$folder/.extensions"
    openssl req -new -key "$folder/$1.key" -subj "/CN=$1" |
        openssl x509 -req -sha256 -days "$client_days" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
            -set_serial "0x$(openssl rand -hex 16)" -extfile "$folder/.extensions" \
            -out "$folder/$1.crt" 2>/dev/null || die "could not certify $1"
    rm -f "$folder/.extensions"
    chmod 644 "$folder/$1.crt"
    printf '%s\n' "$folder/$1.crt"
}

authority() {
    cat >"$folder/.authority.cnf" <<CONF
[ca]
default_ca=store
[store]
database=$folder/index.txt
crlnumber=$folder/crlnumber
certificate=$folder/ca.crt
private_key=$folder/ca.key
default_md=sha256
default_crl_days=$authority_days
CONF
    openssl ca -batch -config "$folder/.authority.cnf" "$@" 2>/dev/null || die "openssl ca $* failed"
    rm -f "$folder/.authority.cnf"
}

write_revocations() {
    authority -gencrl -out "$folder/ca.crl"
    chmod 644 "$folder/ca.crl"
}

check_name() {
    case $1 in
        '' | *[!a-z0-9-]* | -*) die "$1: a name is lower-case letters, digits and dashes" ;;
        ca | broker) die "$1 is taken" ;;
    esac
}

init() {
    # The broker and the nodes read certificates through this folder.
    (umask 022 && mkdir -p "$folder")
    new_key ca
    openssl req -new -x509 -sha256 -days "$authority_days" -key "$folder/ca.key" -subj "/CN=Tebura store" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$folder/ca.crt"
    chmod 644 "$folder/ca.crt"
    : >"$folder/index.txt"
    echo 1000 >"$folder/crlnumber"
    write_revocations
    printf '%s\n' "$folder/ca.crt"
}

broker() {
    [ $# -gt 0 ] || die "broker needs the names or addresses it is reached by"
    names=
    for host in "$@"; do
        case $host in
            *[!0-9.]*) names="$names,DNS:$host" ;;
            *) names="$names,IP:$host" ;;
        esac
    done
    sign broker "extendedKeyUsage=serverAuth
subjectAltName=${names#,}"
    # The broker never is root, so the key must be its group's.
    if getent group mosquitto >/dev/null && [ "$(id -u)" = 0 ]; then
        chgrp mosquitto "$folder/broker.key"
        chmod 640 "$folder/broker.key"
    fi
}

client() {
    [ $# = 1 ] || die "client needs one name"
    check_name "$1"
    sign "$1" "extendedKeyUsage=clientAuth"
}

revoke() {
    [ $# = 1 ] && [ -f "$folder/$1.crt" ] || die "revoke needs the name of a certificate in $folder"
    authority -revoke "$folder/$1.crt"
    write_revocations
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
    init | broker | client | revoke) "$command" "$@" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
