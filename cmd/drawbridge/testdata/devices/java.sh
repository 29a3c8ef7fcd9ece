#!/bin/sh
# Java, with TLS 1.0 taken off its list of disabled algorithms.
set -eu
here=$(dirname "$0")
exec java -Djava.security.properties="$here/java.security" "$here/ReadMail.java" "$PROTOCOL" "$MODE" "$PORT" "$CA"
