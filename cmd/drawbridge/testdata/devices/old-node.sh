#!/bin/sh
# The Node.js of 2012 with OpenSSL 1.0.0 inside, which has no newer TLS than 1.0.
set -eu
exec "$OLD_NODE" "$(dirname "$0")/old-node.js" "$PROTOCOL" "$MODE" "$PORT" "$CA"
