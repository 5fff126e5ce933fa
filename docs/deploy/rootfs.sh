#!/bin/sh
# Collects in $1 what the image contains besides its base, from dist/stage: see stage.sh.
set -eu
cd "$(dirname "$0")/../.."
install -D -m 755 dist/stage/orderbeat "$1/usr/bin/orderbeat"
install -D -m 644 dist/stage/config.toml "$1/etc/orderbeat/config.toml"
ln -s /var/lib/orderbeat "$1/etc/orderbeat/data" # relative paths of config.toml start at its folder
install -d -o 65532 -g 65532 -m 700 "$1/var/lib/orderbeat"
