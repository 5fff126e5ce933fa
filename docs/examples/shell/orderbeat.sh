#!/usr/bin/env bash
# Examples with the nats command line tool and jq. First: eval "$(orderbeat env)"
#
#   orderbeat.sh consume DIR [COUNT]   apply order events, each once, to files in DIR
#   orderbeat.sh where REFERENCE       look up an order within two seconds
#   orderbeat.sh sync PROVIDER         start a run and wait for its result
set -euo pipefail

# request ENDPOINT BODY DEADLINE prints the reply; an error reply goes to stderr.
request() {
	local reply
	reply=$(nats request --raw --timeout "$(( ${3%s} + 1 ))s" -H "Orderbeat-Timeout:$3" "orderbeat.api.$1" "$2")
	if jq -e .error >/dev/null <<<"$reply"; then
		jq -r '.error | "\(.code): \(.message)"' <<<"$reply" >&2
		return 1
	fi
	printf '%s\n' "$reply"
}

# consume fetches one message at a time, and acknowledges it after it was applied.
consume() {
	local dir=$1 left=${2:--1} message id
	mkdir -p "$dir/orders"
	touch "$dir/handled"
	nats consumer info ORDERBEAT_ORDERS example-shell >/dev/null 2>&1 ||
		nats consumer add ORDERBEAT_ORDERS example-shell --pull --ack explicit --deliver all --filter 'orderbeat.orders.>' --defaults >/dev/null
	while [ "$left" -ne 0 ]; do
		# Headers, a blank line, the body. Without --ack the message comes again.
		message=$(nats consumer next ORDERBEAT_ORDERS example-shell --timeout 2s --ack 2>/dev/null) || return 0
		id=$(sed -n 's/^ *ce-id: //p' <<<"$message")
		if ! grep -qxF "$id" "$dir/handled"; then
			body=$(sed -n '/^Data:/,/^Acknowledged/p' <<<"$message" | sed '1d;/^Acknowledged/d')
			apply "$dir" "$body"
			echo "$id" >>"$dir/handled"
			echo "$id $(jq -r .status <<<"$body")"
		fi
		left=$((left - 1))
	done
}

# apply writes the newest revision of an order to a file.
apply() {
	local body=$2 name file
	name=$(jq -r '[.provider, .account, .order_id] | map(@uri) | join(".")' <<<"$body")
	file=$1/orders/$name.json
	if [ "$(jq 'has("order")' <<<"$body")" = false ]; then # truncated, or events.body = "changes"
		body=$(request orders.get "$(jq -c '{provider, account, order_id}' <<<"$body")" 5s)
	fi
	if [ ! -e "$file" ] || [ "$(jq .revision "$file")" -le "$(jq .revision <<<"$body")" ]; then
		jq '{revision, order}' <<<"$body" >"$file.new"
		mv "$file.new" "$file"
	fi
}

where() {
	request orders.get "$(jq -cn --arg r "$1" '{provider: "michelin", reference: $r}')" 2s |
		jq -r '"\(.order.reference) is \(.order.status), promised for \(.order.next_promised_on // "no day"), as of \(.observed_at)"'
}

sync() {
	request runs.start "$(jq -cn --arg p "$1" '{provider: $p, kind: "sync", params: {lookback: "14d"}, wait: true}')" 60s |
		jq -r '.run | "run \(.run_id) \(.state): \(.orders.seen) orders, \(.orders.changed) changed"'
}

"$@"
