#!/bin/sh
# OpenSSL's own client, at TLS 1.0 or 1.1. The test types the dialog.
set -eu
case $TLS in 1.0) version=-tls1 ;; 1.1) version=-tls1_1 ;; esac
set -- s_client -quiet "$version" -cipher 'DEFAULT@SECLEVEL=0' \
	-CAfile "$CA" -verify_return_error -verify_ip 127.0.0.1 -connect "127.0.0.1:$PORT"
[ "$MODE" = implicit ] || set -- "$@" -starttls "$PROTOCOL"
exec openssl "$@"
