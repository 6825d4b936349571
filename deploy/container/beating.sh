#!/bin/sh
# beating.sh NAME MINUTES: a health check that asks nobody. Well where the files that this service touches while it works,
# LANDFALL_HOME/heartbeats/NAME and NAME.*, are there and none is older (landfall/heartbeat.py).
: "${LANDFALL_HOME:?names no state folder}"
folder="$LANDFALL_HOME/heartbeats"
if [ -e "$folder/$1.fenced" ]; then
    cat "$folder/$1.fenced"
    exit 1
fi
beats=$(find "$folder" -type f \( -name "$1" -o -name "$1.*" \) 2>/dev/null)
stale=$(find "$folder" -type f \( -name "$1" -o -name "$1.*" \) -mmin "+$2" 2>/dev/null)
[ -n "$beats" ] || { echo "$1 has not begun to work"; exit 1; }
[ -z "$stale" ] || { echo "$1 has stood still for over $2 minutes: $stale"; exit 1; }
