#!/bin/sh
# mpop on GnuTLS; it speaks POP3 only.
set -eu
starttls=off
[ "$MODE" = implicit ] || starttls=on
umask 077
cat > mpoprc <<RC
account bridge
host 127.0.0.1
port $PORT
user $LOGIN
password $PASSWORD
auth user
timeout 10
keep on
tls on
tls_starttls $starttls
tls_trust_file $CA
tls_priorities NORMAL:-VERS-ALL:+VERS-TLS$TLS:%COMPAT
uidls_file $PWD/uidls
delivery mbox $PWD/mail
RC
mpop ${SHOW_DIALOG:+--debug} --file=mpoprc --all-accounts >&2
cat mail
