#!/usr/bin/env bash
# Brings what the benchmark needs and compares with; afterwards it uses no network. On Debian.
# nginx and wrk are installed (as root). All else is unpacked or built in build/peers: no service is
# started, and nothing else of the system changes. What cannot be had is named and left out.
set -uo pipefail
cd "$(dirname "$0")/.."
peers=$PWD/build/peers
mkdir -p "$peers/packages"

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx wrk || exit 1

unpack() { # unpack PACKAGE…: into build/peers, instead of installing it
    (cd "$peers/packages" && apt-get download -qq "$@" \
        && for file in *.deb; do dpkg -x "$file" "$peers"; done && rm -f ./*.deb) \
        || echo "left out, as it could not be had: $*"
}
unpack caddy
unpack rsyslog rsyslog-relp libestr0 libfastjson4 liblognorm5 librelp0

if command -v go >/dev/null; then
    go build -C bench/peers/otelcol -o "$peers/otelcol" . \
        || echo "left out, as it could not be built: the OpenTelemetry Collector"
else
    echo "left out, as Go is missing (1.26 or later): the OpenTelemetry Collector"
fi

# nats-server and matplotlib are Python packages of the group `bench`, which `make install` brings.
