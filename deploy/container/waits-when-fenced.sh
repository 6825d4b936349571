#!/bin/sh
# waits-when-fenced.sh COMMAND…: runs the landing and ends as it does. But where it ends with code 3, because another one
# has taken over, this waits to be stopped, and the health check says why (beating.sh): started again, it would fence the
# other one in turn, for ever. Start it again by hand to have it take over.
: "${LANDFALL_HOME:?names no state folder}"
fenced="$LANDFALL_HOME/heartbeats/land.fenced"
rm -f "$fenced"
# Before the command starts: a signal that comes right after its start would end this shell alone.
trap '[ -n "$!" ] || exit 143; kill -TERM "$!"' TERM INT
"$@" &
child=$!
wait "$child"
code=$?
# A signal interrupts `wait` while the command still finishes its batch.
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done
[ "$code" -eq 3 ] || exit "$code"
trap 'exit 0' TERM INT
mkdir -p "${fenced%/*}"
echo "fenced: another landing has taken over; this one waits to be stopped" | tee "$fenced" >&2
while :; do
    sleep 3600 &
    wait "$!"
done
