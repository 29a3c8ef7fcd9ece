#!/bin/sh
# fetchmail, which feeds ticket systems and archives. "localhost", since it compares DNS names only.
set -eu
ssl='no ssl'
[ "$MODE" = starttls ] || ssl=ssl
umask 077
cat > fetchmailrc <<RC
set no syslog
set no bouncemail
set idfile "$PWD/fetchids"
poll "localhost" protocol $PROTOCOL port $PORT timeout 10
  username "$LOGIN" password "$PASSWORD"
  $ssl sslproto "TLS1" sslcertck sslcertfile "$CA"
  keep fetchall no rewrite
  mda "/bin/sh -c 'cat >> $PWD/mail'"
RC
FETCHMAILHOME=$PWD OPENSSL_CONF=$(dirname "$0")/openssl.cnf fetchmail --nodetach --verbose --fetchmailrc fetchmailrc >&2
cat mail
