"""One turn as JSON on standard input, the answer on standard output: text, or effects as JSON."""

import json
import sys

turn = json.load(sys.stdin)
text = turn["message"]["text"]
json.dump({"effects": [{"say": {"text": f"{len(text.split())} words"}}]}, sys.stdout)
