"""Issues a receipt for each settled payment: events come and go over HTTP on localhost."""

import hmac
import json
import os
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVENTS = os.environ["QSL_EVENTING_URL"] + "/v1/events"
TOKEN_FILE = os.environ["QSL_EVENTING_TOKEN_FILE"]
# Without one for the proxies of the environment: the sidecar is on localhost.
sidecar = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_sidecar(headers):
    with open(TOKEN_FILE, "rb") as file:
        expected = b"Bearer " + file.read()
    return hmac.compare_digest(headers.get("Authorization", "").encode(), expected)


def handle(headers, body):
    """The status decides: 2xx is done, 422 is never, 503 is later."""
    try:
        payment = json.loads(body)
        core = {name: payment[name] for name in ("paymentId", "amount", "currency")}
        if not isinstance(core["paymentId"], str) or not core["amount"] > 0:
            return 422
    except (ValueError, KeyError, TypeError):
        return 422
    event = {
        "source": "qsl.receipt",
        "detailType": "Receipt.Issued.v1",
        "resource": f"urn:qsl:receipts:receipt:{core['paymentId']}",
        "trace": {"correlationId": urllib.parse.unquote(headers["QSL-Correlation-Id"])},
        "detailCore": core,
    }
    return publish(event, "receipt-" + headers["QSL-Event-Key"])


def publish(event, key):
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(EVENTS, json.dumps(event).encode(), headers)
    try:
        with sidecar.open(request, timeout=30):
            return 200
    except urllib.error.HTTPError as error:
        print("not published:", error.code, error.read().decode(), flush=True)
        return 422 if error.code in (400, 413) else 503  # malformed or too large: the same for ever
    except OSError as error:
        print("not published:", error, flush=True)
        return 503


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers["Content-Length"]), 1 << 20))  # no event is larger
        if not is_sidecar(self.headers):
            return self.answer(401)
        return self.answer(handle(self.headers, body) if self.path == "/payments" else 404)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Service)
    print("listening on port", server.server_port, flush=True)
    server.serve_forever()
