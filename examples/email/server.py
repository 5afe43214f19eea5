#!/usr/bin/python3
"""An SMTP server (aiosmtpd) on a free port of this machine, for the example.

Prints its port and its process id, then a line "RECIPIENT MESSAGE-ID" for each mail that it has taken. Ends
at SIGTERM, or when nobody reads its output any longer, so that it does not outlive who started it.
"""

import asyncio
import email
import os
import signal
import sys

try:
    from aiosmtpd.smtp import SMTP
except ImportError:
    sys.exit("the SMTP server is missing; it is in Debian's package python3-aiosmtpd")


class Policy:
    """busy.example takes a recipient's mail at the second try only, refused.example never."""

    def __init__(self):
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        domain = address.partition("@")[2]
        if domain == "refused.example":
            return "550 5.7.1 no mail from this sender"
        if domain == "busy.example" and address not in self.seen:
            self.seen.add(address)
            return "451 4.7.1 busy, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        for recipient in envelope.rcpt_tos:
            print(recipient, mail["Message-ID"], flush=True)
        return "250 2.0.0 taken"


async def serve():
    loop = asyncio.get_running_loop()
    policy, ended = Policy(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_reader(sys.stdout, ended.set)  # a pipe to write to has nothing to read, but an error at its end
    server = await loop.create_server(lambda: SMTP(policy, hostname="localhost"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], os.getpid(), flush=True)
    await ended.wait()


asyncio.run(serve())
