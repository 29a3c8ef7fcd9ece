#!/bin/sh
# neomutt at a terminal of 200 columns: it opens the inbox and leaves. What it heard follows the screen. It speaks IMAP only here.
set -eu
umask 077
cat > neomuttrc <<RC
set folder = "$PWD"
set record = ""
set postponed = ""
set ssl_force_tls = yes
set certificate_file = "$CA"
set ssl_ca_certificates_file = "$CA"
set imap_user = "$LOGIN"
set imap_pass = "$PASSWORD"
set imap_authenticators = "login"
set header_cache = ""
set message_cachedir = ""
set sleep_time = 0
set quit = yes
push <quit>
RC
scheme=imaps
[ "$MODE" = implicit ] || scheme=imap
code=0
TERM=xterm script --quiet --return --command \
	"stty cols 200 rows 24; neomutt -n -d 5 -l $PWD/debug -F neomuttrc -f $scheme://localhost:$PORT/INBOX" /dev/null || code=$?
cat debug0
exit $code
