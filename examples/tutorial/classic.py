"""The echo bot of the tutorials: one token, one web server, one webhook."""

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

API = os.environ.get("WEBEX_API_URL", "https://webexapis.com/v1")
TOKEN = os.environ["WEBEX_TOKEN"]
PORT = int(os.environ.get("PORT", "5000"))


def webex(method, path, body=None):
    request = urllib.request.Request(API + path, method=method)
    request.add_header("Authorization", f"Bearer {TOKEN}")
    request.add_header("Content-Type", "application/json")
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(request, data) as answer:
        return json.load(answer)


ME = webex("GET", "/people/me")


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        if event["data"]["personId"] == ME["id"]:
            return
        message = webex("GET", f"/messages/{event['data']['id']}")
        webex("POST", "/messages", {"roomId": message["roomId"], "text": f"You said: {message['text']}"})

    def log_message(self, *_):
        pass


# It listens before Webex is told where.
SERVER = HTTPServer(("127.0.0.1", PORT), Hook)

# The address that ngrok gave.
if "PUBLIC_URL" in os.environ:
    webex(
        "POST",
        "/webhooks",
        {"name": "echo", "targetUrl": os.environ["PUBLIC_URL"], "resource": "messages", "event": "created"},
    )

print(f"listening on {PORT}", flush=True)
SERVER.serve_forever()
