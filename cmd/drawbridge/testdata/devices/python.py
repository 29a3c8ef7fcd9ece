"""Reads the first message with imaplib or poplib at TLS 1.0: python.py PROTOCOL MODE PORT CA_FILE."""

import imaplib
import os
import poplib
import ssl
import sys
import warnings

HOST = "127.0.0.1"
TIMEOUT = 10


def context(ca_file):
    """A context as programs on an old Python had it: TLS 1.0 only, but the certificate is verified."""
    warnings.simplefilter("ignore", DeprecationWarning)
    ctx = ssl.create_default_context(cafile=ca_file)
    ctx.set_ciphers("DEFAULT@SECLEVEL=0")
    ctx.minimum_version = ssl.TLSVersion.TLSv1
    ctx.maximum_version = ssl.TLSVersion.TLSv1
    return ctx


def read_imap(mode, port, ctx, login, password):
    if mode == "implicit":
        box = imaplib.IMAP4_SSL(HOST, port, ssl_context=ctx, timeout=TIMEOUT)
    else:
        box = imaplib.IMAP4(HOST, port, timeout=TIMEOUT)
        box.starttls(ctx)
    box.login(login, password)
    box.select("INBOX", readonly=True)
    status, parts = box.fetch("1", "(BODY.PEEK[])")
    if status != "OK":
        sys.exit("FETCH said " + status)
    message = parts[0][1]
    box.logout()
    return message


def read_pop3(mode, port, ctx, login, password):
    if mode == "implicit":
        box = poplib.POP3_SSL(HOST, port, context=ctx, timeout=TIMEOUT)
    else:
        box = poplib.POP3(HOST, port, timeout=TIMEOUT)
        box.stls(ctx)
    box.user(login)
    box.pass_(password)
    _, lines, _ = box.retr(1)
    box.quit()
    return b"\r\n".join(lines)


def main():
    protocol, mode, port, ca_file = sys.argv[1:]
    read = {"imap": read_imap, "pop3": read_pop3}[protocol]
    message = read(mode, int(port), context(ca_file), os.environ["LOGIN"], os.environ["PASSWORD"])
    sys.stdout.buffer.write(message)


main()
