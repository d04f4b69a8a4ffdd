"""A bot as the tutorials write it: Flask, Cisco's SDK, a webhook. Nothing in it knows of Botyard.

Before, it needed a public address, a webhook of its own and somebody to restart it. Behind

    [[on]]
    event = "message"
    forward = { url = "http://127.0.0.1:5000/webhook", secret = "env:WEBHOOK_SECRET" }

it gets the same webhooks, signed with the secret it has always checked, and answers with its token as ever.
"""

import hashlib
import hmac
import os
import sys

from flask import Flask, abort, request
from webexpythonsdk import WebexAPI

app = Flask(__name__)
api = WebexAPI(access_token=os.environ["WEBEX_ACCESS_TOKEN"], base_url=os.environ["WEBEX_BASE_URL"])
secret = os.environ["WEBHOOK_SECRET"].encode()


@app.post("/webhook")
def webhook():
    right = hmac.new(secret, request.get_data(), hashlib.sha1).hexdigest()
    if not hmac.compare_digest(right, request.headers.get("X-Spark-Signature", "")):
        abort(403)
    event = request.get_json()
    me = api.people.me()
    message = api.messages.get(event["data"]["id"])
    if message.personId != me.id:
        api.messages.create(roomId=message.roomId, text=f"You said: {message.text}")
    return "", 204


if __name__ == "__main__":
    import werkzeug.serving

    server = werkzeug.serving.make_server("127.0.0.1", int(sys.argv[1]), app)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
