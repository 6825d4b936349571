#!/bin/sh
# Runs a command; ends as it does, except that exit code 3 (fenced: another writer has taken over) becomes 0.
# With `restart: on-failure` a fenced writer then stays down; coming back it would fence the other one in turn, for ever.
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
if [ "$code" -eq 3 ]; then
    echo "fenced: another writer has taken over; this one stays down" >&2
    exit 0
fi
exit "$code"
