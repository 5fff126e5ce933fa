#!/usr/bin/env bash
# Runs the examples against a worker with the sandbox, with a restart and a replay in between:
# test.sh ORDERBEAT, the program. The TypeScript examples run if they are built, those in shell if
# there are nats and jq.
set -euo pipefail
cd "$(dirname "$0")"

orderbeat=$(realpath "$1")
dir=$(mktemp -d)
worker=
stop() { if [ -n "$worker" ]; then kill "$worker" 2>/dev/null || true; wait "$worker" || true; worker=; fi; }
trap 'stop; rm -rf "$dir"' EXIT

# Other ports than those of a worker that may be running here.
export ORDERBEAT_NATS_LISTEN=127.0.0.1:14222 ORDERBEAT_WEB_LISTEN=127.0.0.1:18321 ORDERBEAT_SANDBOX_LISTEN=127.0.0.1:18322
export ORDERBEAT_CONFIG=$dir/config.toml
sed 's/"@every 20s"/"@every 2s"/; s/^day .*/day = "2s"/' ../../config.toml >"$ORDERBEAT_CONFIG"

start() {
	"$orderbeat" run >>"$dir/log" 2>&1 &
	worker=$!
	for _ in $(seq 100); do
		if "$orderbeat" health >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	cat "$dir/log"
	return 1
}

start
eval "$("$orderbeat" env)"
go build -o "$dir/example" ./go

# consume NAME COMMAND… runs a consumer for a while and adds its output to NAME.
names=(go)
consume() {
	names=(go)
	"$dir/example" consume "$dir/go.db" 4s >>"$dir/go.out" &
	local pids=($!)
	if [ -e typescript/build/consume.js ]; then
		names+=(typescript)
		node typescript/build/consume.js "$dir/ts.json" 4 >>"$dir/typescript.out" &
		pids+=($!)
	fi
	if command -v nats >/dev/null && command -v jq >/dev/null; then
		names+=(shell)
		shell/orderbeat.sh consume "$dir/shell" 15 >>"$dir/shell.out" &
		pids+=($!)
	fi
	if [ "${1:-}" = restart ]; then
		for name in "${names[@]}"; do # each has begun
			for _ in $(seq 100); do [ -s "$dir/$name.out" ] && break || sleep 0.1; done
		done
		stop
		start
	fi
	for pid in "${pids[@]}"; do wait "$pid"; done
}

consume restart
"$orderbeat" replay --provider michelin
consume

for name in "${names[@]}"; do
	events=$(cut -d ' ' -f 1 "$dir/$name.out" | grep -c . || true)
	twice=$(cut -d ' ' -f 1 "$dir/$name.out" | sort | uniq -d | head -n 3)
	echo "$name: $events events applied"
	[ "$events" -gt 10 ] || { echo "too few"; exit 1; }
	[ -z "$twice" ] || { echo "applied twice: $twice"; exit 1; }
done

"$orderbeat" orders --limit 50 --json >"$dir/orders.json" 2>/dev/null
reference=$(sed -n 's/.*"reference": *"\([^"]*\)".*/\1/p' "$dir/orders.json" | sed -n 1p) # some have none
for command in "$dir/example where" "node typescript/build/where.js" "shell/orderbeat.sh where"; do
	case $command in
	node*) [ -e typescript/build/where.js ] || continue ;;
	shell*) command -v nats >/dev/null && command -v jq >/dev/null || continue ;;
	esac
	found=$($command "$reference")
	echo "$found"
	grep -q "$reference .*is " <<<"$found"
	none=$($command NO-SUCH-ORDER 2>&1 || true)
	grep -q -e 'no such order' -e not_found <<<"$none" || { echo "$command: want no such order, got $none"; exit 1; }
	sync=${command/where.js/sync.js}
	run=$(${sync/ where/ sync} michelin)
	echo "$run"
	grep -q succeeded <<<"$run"
done
