#!/usr/bin/env bash
# Installs the peers that this machine can install, under build/peers where possible. One line per peer; none fails the others.
set -u
cd "$(dirname "$0")/../.."
PEERS=$PWD/build/peers
K6=v2.2.0
SOURCES=benchmarks/peers/gatling
mkdir -p "$PEERS/bin" "$PEERS/log"

say() { printf '%-8s %s\n' "$1" "$2"; }

# NAME ACCEPTED-PATH COMMAND...: runs the command unless the program is there.
install_peer() {
    local name=$1 program=$2
    shift 2
    if [ -x "$program" ] || command -v "$name" >/dev/null; then
        say "$name" "already there"
    elif "$@" >"$PEERS/log/$name.log" 2>&1; then
        say "$name" "installed"
    else
        say "$name" "cannot be installed: $(reason "$name")"
    fi
}

reason() {
    local last
    last=$(grep -v '^ *$' "$PEERS/log/$1.log" | tail -n 1)
    echo "${last:-no message} (see build/peers/log/$1.log)"
}

fail() {
    echo "$1" >&2
    return 1
}

from_debian() {
    command -v apt-get >/dev/null || fail "no apt-get here; install $1 by hand" || return
    [ "$(id -u)" = 0 ] || fail "needs root; run: sudo apt-get install $1" || return
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet "$1" || { apt-get update --quiet && apt-get install --yes --quiet "$1"; }
}

from_cargo() {
    command -v cargo >/dev/null || fail "no cargo here" || return
    cargo install oha --locked --root "$PEERS"
}

# A module of our own that requires k6: unlike `go install`, it needs nothing but the module proxy.
from_go() {
    command -v go >/dev/null || fail "no go here; see https://go.dev/dl" || return
    mkdir -p "$PEERS/k6" || return
    printf 'module peers\n\ngo 1.24\n\nrequire go.k6.io/k6/v2 %s\n' "$K6" >"$PEERS/k6/go.mod"
    go build -C "$PEERS/k6" -mod=mod -o "$PEERS/bin/k6" go.k6.io/k6/v2
}

from_uv() {
    [ -x .venv/bin/uv ] || fail "no .venv/bin/uv; run make native first" || return
    UV_PROJECT_ENVIRONMENT=$PEERS/locust .venv/bin/uv sync --frozen --no-install-project --only-group peers
}

# The flags are those that Gatling's own build plugins start it with.
from_maven() {
    command -v mvn >/dev/null || fail "no mvn here; install a JDK and Maven" || return
    command -v javac >/dev/null || fail "no javac here; install a JDK" || return
    mvn --quiet --batch-mode --file "$SOURCES/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$PEERS/gatling/lib" || return
    javac -cp "$PEERS/gatling/lib/*" -d "$PEERS/gatling/classes" "$SOURCES/Peer.java" && cp "$SOURCES/logback.xml" "$PEERS/gatling/classes" || return
    cat >"$PEERS/bin/gatling" <<EOF
#!/bin/sh
[ "\$1" = --version ] && ls "$PEERS/gatling/lib" | sed -n 's/gatling-app-\(.*\).jar/\1/p' && exit
exec java --add-opens=java.base/java.lang=ALL-UNNAMED -Xmx1G -XX:+UseG1GC -XX:+ParallelRefProcEnabled -XX:MaxInlineLevel=20 \
    -XX:MaxTrivialSize=12 -cp "$PEERS/gatling/classes:$PEERS/gatling/lib/*" "\$@"
EOF
    chmod +x "$PEERS/bin/gatling"
}

install_peer nginx /usr/sbin/nginx from_debian nginx-light
install_peer wrk /usr/bin/wrk from_debian wrk
install_peer oha "$PEERS/bin/oha" from_cargo
install_peer k6 "$PEERS/bin/k6" from_go
install_peer locust "$PEERS/locust/bin/locust" from_uv
install_peer gatling "$PEERS/bin/gatling" from_maven
