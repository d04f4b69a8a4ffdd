"""Takes a call over at once, thinks, and answers in several messages: for work that takes longer than a request should.

Botyard gets a 202; every further answer is posted to the address that stands in the turn, with the token beside it.
The last one says `done`.
"""

import http.server
import json
import sys
import threading
import urllib.request


def post(turn, answer, number):
    door = turn["effects"]
    request = urllib.request.Request(
        door["url"],
        json.dumps(answer).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {door['token']}",
            # The same post sent twice counts once.
            "Idempotency-Key": f"{turn['call']}-{number}",
        },
    )
    urllib.request.urlopen(request, timeout=30).close()


def work(turn):
    question = turn["message"]["text"]
    post(turn, {"effects": [{"say": {"text": "Looking…", "key": "status"}}]}, 1)
    # Here the work would be done.
    post(turn, {"effects": [{"say": f"I found this about: {question}"}], "done": True}, 2)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        turn = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        threading.Thread(target=work, args=(turn,)).start()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
