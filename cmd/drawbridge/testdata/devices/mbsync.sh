#!/bin/sh
# mbsync (isync), which mirrors mailboxes for backups; it speaks IMAP only. "localhost", since it compares DNS names only.
set -eu
type=IMAPS
[ "$MODE" = implicit ] || type=STARTTLS
umask 077
cat > mbsyncrc <<RC
IMAPAccount bridge
Host localhost
Port $PORT
User $LOGIN
Pass $PASSWORD
AuthMechs LOGIN
Timeout 10
SSLType $type
SSLVersions TLSv1
CipherString DEFAULT@SECLEVEL=0
CertificateFile $CA

IMAPStore far
Account bridge

MaildirStore near
Path $PWD/
Inbox $PWD/mail

Channel inbox
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState $PWD/state-
RC
OPENSSL_CONF=$(dirname "$0")/openssl.cnf mbsync --verbose --config mbsyncrc inbox >&2
cat mail/new/* mail/cur/* 2>/dev/null || [ -n "$(ls mail/new mail/cur)" ]
