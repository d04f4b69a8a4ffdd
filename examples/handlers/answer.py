"""Answers for a bot, behind `exec` or `http`, with nothing but Python's own library.

As a program:  exec = ["python3", "answer.py"]                       the turn on stdin, the answer on stdout
As a worker:   exec = { command = ["python3", "answer.py", "--worker"], worker = true }    a turn a line
As a service:  python3 answer.py --serve 9000       and    http = { url = "http://127.0.0.1:9000/", secret = "env:…" }
               (the same secret in HANDLER_SECRET; a call that is not signed with it is refused)
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time


def answer(turn):
    """The bot's whole mind: a turn in, effects out."""
    text = turn.get("message", {}).get("text", "")
    name = turn.get("person", {}).get("first_name", "you")
    return {
        "effects": [
            {"say": {"markdown": f"**{len(text.split())}** words from {name}", "thread": False}},
            {"remember": {"scope": "person", "key": "last", "set": text}},
        ]
    }


def signed(headers, body, secret):
    """Standard Webhooks: the signature covers id, time and body, and an old call is not believed."""
    call, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    right = hmac.new(key, f"{call}.{stamp}.".encode() + body, hashlib.sha256).digest()
    given = [part[3:] for part in headers.get("webhook-signature", "").split() if part.startswith("v1,")]
    fresh = stamp.isdigit() and abs(time.time() - int(stamp)) < 300
    return fresh and any(hmac.compare_digest(base64.b64encode(right).decode(), part) for part in given)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        secret = os.environ.get("HANDLER_SECRET")
        if secret and not signed(self.headers, body, secret):
            self.reply(401, {"error": "not signed"})
        else:
            self.reply(200, answer(json.loads(body)))

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if "--serve" in sys.argv:
        port = int(sys.argv[sys.argv.index("--serve") + 1])
        host = os.environ.get("HANDLER_HOST", "127.0.0.1")
        server = http.server.ThreadingHTTPServer((host, port), Handler)
        print(f"listening on {server.server_address[1]}", flush=True)
        server.serve_forever()
    elif "--worker" in sys.argv:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), flush=True)
    else:
        print(json.dumps(answer(json.load(sys.stdin))))
