#!/bin/sh
# GnuTLS's own client. The test types the dialog.
set -eu
set -- --x509cafile="$CA" --port="$PORT" --priority="NORMAL:-VERS-ALL:+VERS-TLS$TLS:%COMPAT"
[ "$MODE" = implicit ] || set -- "$@" --starttls-proto="$PROTOCOL"
exec gnutls-cli "$@" 127.0.0.1
