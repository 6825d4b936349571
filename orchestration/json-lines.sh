#!/usr/bin/env bash
# json-lines.sh PYTHON -m MODULE ARGUMENT…: becomes that program of Dagster. Where LANDFALL_LOG_FORMAT is json, each line of
# its output, and of its children, passes through landfall.logs: Dagster names its fields differently, its code servers and
# Python itself write plain text whatever it is told. The program keeps this process' id, so that signals reach it.
set -euo pipefail
[ "${LANDFALL_LOG_FORMAT:-text}" = json ] || exec "$@"
exec "$@" --log-format json > >(exec "$1" -m landfall.logs) 2>&1
