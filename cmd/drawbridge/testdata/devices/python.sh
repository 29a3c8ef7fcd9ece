#!/bin/sh
# Python's imaplib and poplib.
set -eu
exec python3 "$(dirname "$0")/python.py" "$PROTOCOL" "$MODE" "$PORT" "$CA"
