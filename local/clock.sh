#!/usr/bin/env bash
# Run a command under a title; in a terminal, show how long it has been running.
# usage: clock.sh TITLE COMMAND [ARGUMENT]...
set -euo pipefail
title=$1
shift
if [ ! -t 1 ]; then
  echo "$title"
  exec "$@"
fi
"$@" &
command=$!
trap 'kill "$command" 2>/dev/null; echo' INT TERM
while kill -0 "$command" 2>/dev/null; do
  printf '\r%s  %d s' "$title" "$SECONDS"
  sleep 0.2
done
printf '\r%s  %d s\n' "$title" "$SECONDS"
wait "$command"
