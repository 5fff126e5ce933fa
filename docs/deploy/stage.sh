#!/bin/sh
# Collects in dist/stage what packages contain besides files of the source tree: the binary,
# its configuration, manual pages and completions. The binary is $1, or built here.
set -eu
cd "$(dirname "$0")/../.."

# The binary is linked statically and runs on every Linux of its architecture. With these tags
# Go looks up names and users without glibc's libraries, and SQLite loads no extensions.
tags=netgo,osusergo,sqlite_omit_load_extension
ldflags='-s -w -linkmode external -extldflags -static'

stage=dist/stage
rm -rf "$stage" && mkdir -p "$stage/completion"
if [ $# -gt 0 ]; then
	cp "$1" "$stage/orderbeat"
else
	go build -trimpath -tags "$tags" -ldflags "$ldflags" -o "$stage/orderbeat" ./cmd/orderbeat
fi
"$stage/orderbeat" init "$stage/config.toml" >/dev/null
"$stage/orderbeat" man "$stage/man"
"$stage/orderbeat" completion bash >"$stage/completion/orderbeat.bash"
"$stage/orderbeat" completion zsh >"$stage/completion/_orderbeat"
"$stage/orderbeat" completion fish >"$stage/completion/orderbeat.fish"
