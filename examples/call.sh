#!/bin/sh
# A call with a key, and the right way to wait: sh call.sh
# KEYWARD_URL is the API's address, KEYWARD_KEY the key; KEYWARD_MAX_WAIT says how many seconds to wait in all (120).
set -eu

if [ -z "${KEYWARD_URL-}" ] || [ -z "${KEYWARD_KEY-}" ]; then
  echo "KEYWARD_URL and KEYWARD_KEY are not set: the API's address and your key" >&2
  exit 2
fi
most_tries=5
max_wait=${KEYWARD_MAX_WAIT:-120}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The value of a header of the last answer, when it is a whole number; nothing else is worth waiting for.
number() {
  tr -d '\r' <"$folder/head" | awk -F ': *' -v name="$1" \
    'tolower($1) == name && $2 ~ /^[0-9]+$/ && length($2) < 12 { value = $2; sub(/^0+/, "", value); value = value ? value : 0 } END { print value }'
}

# A text of the problem document. It is one line of JSON; with jq at hand: jq -r ".$1".
text() {
  sed -n "s/.*\"$1\":\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" "$folder/body" | head -n 1
}

# Seconds until another try makes sense; empty when none does.
pause() {
  seconds=$(number retry-after)
  reset=$(number x-ratelimit-reset)
  if [ -z "$seconds" ] && [ "$status" = 429 ] && [ -n "$reset" ]; then
    seconds=$((reset - $(date +%s)))
    [ "$seconds" -ge 1 ] || seconds=1
  fi
  echo "$seconds"
}

tries=0
waited=0
while :; do
  tries=$((tries + 1))
  # The key comes by standard input: arguments can be read by everybody on this machine.
  status=$(printf 'X-API-KEY: %s\n' "$KEYWARD_KEY" | curl -q -sS --max-time 30 -H @- \
    -D "$folder/head" -o "$folder/body" -w '%{http_code}' "${KEYWARD_URL%/}/api/123/resource")

  remaining=$(number x-ratelimit-remaining)
  case $status in
  2??)
    printf '%s ' "$status"
    cat "$folder/body"
    echo
    [ -z "$remaining" ] || echo "$remaining requests left until $(number x-ratelimit-reset)"
    exit 0
    ;;
  429 | 503) seconds=$(pause) ;;
  *) seconds= ;; # Another try changes nothing about the key, the site or the address.
  esac

  echo "$status $(text code): $(text detail)" >&2
  if [ -z "$seconds" ] || [ "$tries" -ge "$most_tries" ]; then exit 1; fi
  if [ $((waited + seconds)) -gt "$max_wait" ]; then
    echo "giving up: another try makes sense in $seconds s" >&2
    exit 1
  fi
  waited=$((waited + seconds))
  # Up to a second more, so that not all clients come back in the same instant.
  jitter=$(awk -v seed="$$$tries" 'BEGIN { srand(seed); printf "%.3f", rand() }')
  echo "waiting $seconds s" >&2
  sleep "$seconds"
  sleep "$jitter"
done
