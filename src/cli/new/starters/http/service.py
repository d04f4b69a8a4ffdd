"""Answers the bot's questions: python3 service.py. Only the standard library."""

import http.server
import json


def answer(turn):
    name = turn.get("person", {}).get("first_name", "you")
    return {"effects": [{"say": f"Hello {name}, you said: {turn['message']['text']}"}]}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        turn = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps(answer(turn)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
