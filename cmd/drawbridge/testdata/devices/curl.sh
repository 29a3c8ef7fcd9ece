#!/bin/sh
# curl on OpenSSL 3, as scripts that fetch mail use it.
set -eu
scheme=$PROTOCOL
[ "$MODE" = starttls ] || scheme=${PROTOCOL}s
case $PROTOCOL in imap) path='INBOX;MAILINDEX=1' ;; pop3) path=1 ;; esac
exec curl --silent --show-error --ssl-reqd --tlsv1.0 --tls-max "$TLS" --ciphers 'DEFAULT@SECLEVEL=0' \
	--cacert "$CA" --user "$LOGIN:$PASSWORD" "$scheme://127.0.0.1:$PORT/$path"
