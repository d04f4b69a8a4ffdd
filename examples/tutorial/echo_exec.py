"""The same bot behind `exec`: a turn comes in, what to say goes out."""

import json
import sys

turn = json.load(sys.stdin)
print(f"You said: {turn['message']['text']}", end="")
