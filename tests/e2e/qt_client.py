# A client over Qt's QWebSocket that does what docs/protocol.md says of closing: only a `disconnected` message with
# `"reconnect": false` ends it, and whatever Qt calls the end, else it comes back.
#
#   qt_client.py URL
# Prints a line of JSON for each thing that happens: each message, as it came; {"type": "lost", "code", "error"} for the end
# of a connection, with what Qt says of it; {"type": "closed", "code", "reason"} when it does not come back. Reads
# messages to send from standard input, a line each; ends with it.
import json
import sys

from PyQt6.QtCore import QCoreApplication, QSocketNotifier, QTimer, QUrl
from PyQt6.QtNetwork import QAbstractSocket
from PyQt6.QtWebSockets import QWebSocket


def tell(message):
    print(json.dumps(message), flush=True)


class Client:
    def __init__(self, url):
        self.url = url
        self.session = None
        self.at = 0
        self.attempts = 0
        self.open()

    def open(self):
        url = self.url
        if self.session:
            url += f"?resume={self.session['resume']['token']}&epoch={self.session['epoch']}&after={self.at}"
        self.farewell = {}
        self.error = None
        self.socket = QWebSocket()
        self.socket.textMessageReceived.connect(self.receive)
        getattr(self.socket, "errorOccurred", self.socket.error).connect(self.note_error)
        self.socket.stateChanged.connect(self.note_state)
        self.socket.open(QUrl(url))

    def receive(self, text):
        message = json.loads(text)
        if message["type"] == "connected":
            self.session = message
            self.attempts = 0
            if not message["resumed"]:
                self.at = message["seq"]
        elif message["type"] == "disconnected":
            self.farewell = message
        elif message["type"] == "gap":
            self.at = message["to"]
        elif "seq" in message and message["type"] not in ("pong", "position"):
            self.at = message["seq"]
        tell(message)

    def note_error(self, error):
        self.error = error.name

    def note_state(self, state):
        if state != QAbstractSocket.SocketState.UnconnectedState:
            return
        tell({"type": "lost", "code": self.socket.closeCode().value, "error": self.error})
        self.socket.stateChanged.disconnect()
        self.socket.deleteLater()
        if self.farewell.get("reconnect") is False:
            tell({"type": "closed", "code": self.farewell["code"], "reason": self.farewell["reason"]})
            return
        # So long that a crowd does not come back at once: in earnest with some chance in it.
        wait = 1000 * self.farewell.get("retry_after", 0) + min(2000, 50 * 2**self.attempts)
        self.attempts += 1
        QTimer.singleShot(int(wait), self.open)

    def send(self, text):
        self.socket.sendTextMessage(text)


app = QCoreApplication(sys.argv)
client = Client(sys.argv[1])


def read():
    line = sys.stdin.readline()
    if line:
        client.send(line.strip())
    else:
        app.quit()


notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
notifier.activated.connect(read)
sys.exit(app.exec())
