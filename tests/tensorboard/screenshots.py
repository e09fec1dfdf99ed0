# SPDX-License-Identifier: MIT
"""One picture of each tab of the real TensorBoard, for somebody to look at.

usage: screenshots.py LOGDIR FOLDER [TAB...]

Starts the server on LOGDIR and lets a headless Chromium draw each tab into FOLDER/TAB.png (1400 x 900). Which tabs have
data the server says itself; a tab that it calls inactive is named and left out. Exit 77 where no Chromium is: this is
for looking, not for CI. The browser is driven through its DevTools socket, because a tab is ready only some time after
the page is loaded: when nothing is under way on the network and for a while nothing new was asked for.
"""
import base64
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

from tensorboard import program

TABS = ["timeseries", "scalars", "custom_scalars", "images", "audio", "graphs", "distributions", "histograms", "text",
        "pr_curves", "hparams", "mesh", "projector"]
QUIET_SECONDS = 3
DRAWING_SECONDS = {"projector": 10, "graphs": 6, "mesh": 6}  # after the data has come
LIMIT_SECONDS = 90


class Socket:
    """As much of a WebSocket client as one conversation with a local browser needs."""

    def __init__(self, url):
        host, port, path = re.match(r"ws://([^:/]+):(\d+)(/.*)", url).groups()
        self.connection = socket.create_connection((host, int(port)), timeout=60)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                                 f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                                 "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.connection.recv(4096)
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]
        self.number = 0
        self.under_way = set()  # requests of the page

    def take(self, n):
        while len(self.buffer) < n:
            piece = self.connection.recv(1 << 16)
            if not piece:
                raise ConnectionError("the browser has gone")
            self.buffer += piece
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def receive(self):
        text = b""
        while True:
            head = self.take(2)
            n = head[1] & 127
            n = struct.unpack(">H", self.take(2))[0] if n == 126 else struct.unpack(">Q", self.take(8))[0] if n == 127 else n
            text += self.take(n)
            if head[0] & 128:
                break
        message = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.under_way.add(message["params"]["requestId"])
        elif message.get("method") in ("Network.loadingFinished", "Network.loadingFailed"):
            self.under_way.discard(message["params"]["requestId"])
        return message

    def wait_until_quiet(self):
        """Until no request is under way and for some seconds none began."""
        end = time.time() + LIMIT_SECONDS
        while time.time() < end:
            if not self.buffer and not select.select([self.connection], [], [], QUIET_SECONDS)[0]:
                if not self.under_way:
                    return
                continue
            self.receive()

    def ask(self, method, **parameters):
        self.number += 1
        body = json.dumps({"id": self.number, "method": method, "params": parameters}).encode()
        size = struct.pack(">BH", 0x80 | 126, len(body)) if len(body) > 125 else struct.pack(">B", 0x80 | len(body))
        mask = os.urandom(4)
        self.connection.sendall(b"\x81" + size + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(body)))
        while True:
            reply = self.receive()
            if reply.get("id") == self.number:
                return reply.get("result", reply)


class Browser:
    def __init__(self, binary):
        self.folder = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            [binary, "--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader", "--remote-debugging-port=0", "--window-size=1400,900",
             f"--user-data-dir={self.folder}", "about:blank"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for line in self.process.stderr:
            found = re.search(rb"ws://[^:]+:(\d+)/", line)
            if found:
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{int(found[1])}/json") as reply:
            page = next(p for p in json.load(reply) if p["type"] == "page")
        self.socket = Socket(page["webSocketDebuggerUrl"])
        self.socket.ask("Network.enable")
        self.socket.ask("Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False)

    def picture(self, url, seconds, path):
        self.socket.ask("Page.navigate", url="about:blank")
        self.socket.under_way.clear()
        self.socket.ask("Page.navigate", url=url)
        self.socket.wait_until_quiet()
        time.sleep(seconds)
        data = self.socket.ask("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    logs, folder, *tabs = sys.argv[1:]
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not binary:
        print("skipped: no Chromium here (Debian: chromium)")
        sys.exit(77)
    os.makedirs(folder, exist_ok=True)
    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost", "--reload_interval", "1"])
    url = board.launch()
    for _ in range(3):  # the first question makes some plugins look
        time.sleep(3)
        with urllib.request.urlopen(url + "data/plugins_listing") as reply:
            active = {name: plugin["enabled"] for name, plugin in json.load(reply).items()}
    browser = Browser(binary)
    try:
        for tab in tabs or TABS:
            if not active.get(tab):
                print(f"{tab}: inactive, the server sees no data for it")
                continue
            browser.picture(f"{url}#{tab}", DRAWING_SECONDS.get(tab, 1), os.path.join(folder, tab + ".png"))
            print(f"{tab}: {os.path.join(folder, tab + '.png')}")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
