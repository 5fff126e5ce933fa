#!/bin/sh
# dpkg --purge deletes the data too. The user stays: files elsewhere may belong to it.
set -e
if [ "${1:-}" = purge ]; then
	rm -rf /var/lib/orderbeat
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
