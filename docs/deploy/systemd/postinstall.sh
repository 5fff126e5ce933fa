#!/bin/sh
# Creates the user and the state directory. The service is not enabled: edit
# /etc/orderbeat/config.toml first, then systemctl enable --now orderbeat.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers /usr/lib/sysusers.d/orderbeat.conf
	systemd-tmpfiles --create /usr/lib/tmpfiles.d/orderbeat.conf || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart orderbeat.service || true # after an upgrade
fi
