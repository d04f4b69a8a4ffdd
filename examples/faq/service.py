"""A slow answerer of questions, behind `bots.d/faq`: it takes a call over at once, reads its handbooks one after the
other, says how far it is by changing one message, and then answers.

    python3 examples/faq/service.py 9000 [seconds a handbook takes]

Only the standard library. FAQ_SECRET, if it is set, is what calls are signed with (Standard Webhooks).
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time
import urllib.request

HANDBOOKS = {
    "office": {"badge": "Badges are made at the **front desk**, between 9 and 11.", "printer": "Every floor has one, beside the kitchen."},
    "travel": {"train": "Trains are booked in the travel portal."},
    "computers": {"password": "Passwords are changed at https://id.example.com."},
}
SECRET = os.environ.get("FAQ_SECRET", "")


def signed(headers, body):
    """Whether the call is from who knows the secret. The time is checked, too, or an old call could come again."""
    if not SECRET:
        return True
    ident, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
    if not moment.isdigit() or abs(time.time() - int(moment)) > 300:
        return False
    key = base64.b64decode(SECRET[6:]) if SECRET.startswith("whsec_") else SECRET.encode()
    made = hmac.new(key, f"{ident}.{moment}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(made).decode()
    return any(hmac.compare_digest(wanted, given) for given in headers.get("webhook-signature", "").split())


def post(turn, number, effects, done=False):
    door = turn["effects"]
    request = urllib.request.Request(
        door["url"],
        json.dumps({"effects": effects, "done": done}).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {door['token']}",
            # The same post sent twice counts once.
            "Idempotency-Key": f"{turn['call']}-{number}",
        },
    )
    urllib.request.urlopen(request, timeout=30).close()


def work(turn, seconds):
    question = turn["message"]["text"].lower()
    key, found = f"faq-{turn['call']}", []
    for number, (name, pages) in enumerate(HANDBOOKS.items(), 1):
        status = f"Reading the handbook about {name} ({number} of {len(HANDBOOKS)})"
        post(turn, number, [{"say": {"text": status, "key": key}}])
        time.sleep(seconds)
        found += [text for word, text in pages.items() if word in question]
    answer = "\n\n".join(found) or "None of my handbooks says anything about that."
    status = f"Read {len(HANDBOOKS)} handbooks."
    post(turn, 99, [{"say": {"text": status, "key": key}}, {"say": {"markdown": answer}}], done=True)


class Handler(http.server.BaseHTTPRequestHandler):
    seconds = 13.0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        good = signed(self.headers, body)
        self.send_response(202 if good else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if good:
            threading.Thread(target=work, args=(json.loads(body), self.seconds), daemon=True).start()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Handler.seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 13.0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
