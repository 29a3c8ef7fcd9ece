"""Sends one hello for each setting: connect.py PORT SETTING..., a setting being "default", "1.0", "1.1" or "1.2", with
"+name" behind it if it shall have a server name."""

import socket
import ssl
import sys
import warnings

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


def hello(port, setting):
    version, _, name = setting.partition("+")
    ctx = ssl.create_default_context()
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    if version in ("1.0", "1.1"):
        ctx.set_ciphers("DEFAULT@SECLEVEL=0")
    if version in VERSIONS:
        ctx.minimum_version = ctx.maximum_version = VERSIONS[version]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            ctx.wrap_socket(plain, server_hostname="bridge.example" if name else None)
    except OSError:
        pass  # the listener has its hello and hangs up


warnings.simplefilter("ignore", DeprecationWarning)
for setting in sys.argv[2:]:
    hello(int(sys.argv[1]), setting)
