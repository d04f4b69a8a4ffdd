"""The same bot behind `http`: a turn is posted, what to say is answered. No token, no webhook, no fetching."""

import base64
import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["HANDLER_SECRET"].encode()
PORT = int(os.environ.get("PORT", "5000"))


def is_signed(headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(right, headers.get("webhook-signature", ""))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_signed(self.headers, body):
            self.send_error(401)
            return
        turn = json.loads(body)
        said = json.dumps({"effects": [{"say": f"You said: {turn['message']['text']}"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


SERVER = HTTPServer(("127.0.0.1", PORT), Handler)
print(f"listening on {PORT}", flush=True)
SERVER.serve_forever()
