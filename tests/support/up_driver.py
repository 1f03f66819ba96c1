"""``natya up`` with small stand-ins for worker and edge; the servers are real. Run as a program.

Both stand-ins write a line to the file ``ORDER`` when they are told to end. A worker says what its name is; with
``WORKER=stubborn`` it ignores SIGTERM, with ``WORKER=broken`` it ends with an error before it is ready.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from natya_ops.cli import main
from natya_ops.up import platform
from natya_ops.up.reports import JsonLines

WORKER = """
import os, signal, sys
if os.environ.get("WORKER") == "broken":
    sys.exit("the reason it cannot run")
print("hello", flush=True)
def end(*_):
    if os.environ.get("WORKER") == "stubborn":
        return
    print("worker", os.environ["NATYA_NODE"], file=open(os.environ["ORDER"], "a"))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print('{"event": "ready"}', flush=True)
print(os.environ["NATYA_NODE"], os.environ["NATYA_NATS"], flush=True)
while True:
    signal.pause()
"""

EDGE = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
def end(*_):
    print("edge", file=open(os.environ["ORDER"], "a"))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
assert os.path.exists(os.environ["NATYA_EDGE_KEYS"])
http.server.ThreadingHTTPServer((os.environ["NATYA_EDGE_HOST"], int(os.environ["NATYA_EDGE_PORT"])), Handler).serve_forever()
"""


async def run(data: Path, nats_port: int) -> None:
    options = platform.Options(
        data=data,
        workers=2,
        http_port=0,
        nats_port=nats_port,
        store_port=0,
        worker_program=(sys.executable, "-c", WORKER),
        edge_program=(sys.executable, "-c", EDGE),
    )
    await platform.run_until_signal(options, JsonLines())


if __name__ == "__main__":
    import natya_ops.cli

    natya_ops.cli.app = lambda **_: asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))  # type: ignore[assignment]
    main()
