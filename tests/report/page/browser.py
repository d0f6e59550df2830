"""Drive headless Chromium through its DevTools protocol: no driver program, no download."""

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request

import pytest

PATIENCE_S = 60  # of any single wait: browsers share slow machines with other tests
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip


@contextlib.contextmanager
def started():
    """Start a browser for the tests inside; skip them where there is none."""
    websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            address = _address(process)
            yield Browser(address, websocket)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)
            process.stderr.close()


def _address(process):
    for line in process.stderr:
        if "DevTools listening on" in line:
            return line.split("//")[1].split("/")[0]
    pytest.skip("the browser does not start here")


class Browser:
    def __init__(self, address, websocket):
        self.address, self.websocket = address, websocket

    @contextlib.contextmanager
    def tab(self):
        request = urllib.request.Request(f"http://{self.address}/json/new", method="PUT")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            found = json.load(answer)
        url = found["webSocketDebuggerUrl"]
        socket = self.websocket.create_connection(url, timeout=PATIENCE_S, suppress_origin=True)
        try:
            yield Tab(socket)
        finally:
            socket.close()
            close = f"http://{self.address}/json/close/{found['id']}"
            urllib.request.urlopen(close, timeout=PATIENCE_S).close()


class Tab:
    """One tab: what it was asked, what it requested, and what it complained about."""

    def __init__(self, socket):
        self._socket, self._numbers = socket, itertools.count(1)
        self.requests, self.complaints = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(params["args"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"])

    def resize(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=width < 600,
        )  # fmt: skip

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && !location.href.startsWith('about:')")

    def value(self, expression):
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression):
        end = time.monotonic() + PATIENCE_S
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                text="\r" if key == "Enter" and kind == "keyDown" else "",
            )  # fmt: skip

    def draw_all(self):
        """Bring every chart near the screen and wait until it is drawn."""
        self.value(
            "document.documentElement.style.scrollBehavior = 'auto';"
            "(async () => { for (const chart of document.querySelectorAll('[data-chart]')) {"
            " chart.scrollIntoView(); await new Promise(requestAnimationFrame); } })()"
        )
        self.wait("!document.querySelector('[data-chart]:not([data-drawn])')")
