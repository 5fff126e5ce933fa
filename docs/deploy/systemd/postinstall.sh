#!/bin/sh
# Creates the user and its state directory. The service is not enabled: edit
# /etc/orderbeat/config.toml first, then systemctl enable --now orderbeat.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers /usr/lib/sysusers.d/orderbeat.conf
elif ! getent passwd orderbeat >/dev/null; then
	useradd --system --user-group --home-dir /var/lib/orderbeat --shell /usr/sbin/nologin orderbeat
fi
install -d -o orderbeat -g orderbeat -m 700 /var/lib/orderbeat
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart orderbeat.service || true # after an upgrade
fi
