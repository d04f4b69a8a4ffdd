// Answers for a bot, behind `exec` (once, or as a worker) or `http`, with nothing but Node's own library.
//
//   exec = ["node", "answer.mjs"]
//   exec = { command = ["node", "answer.mjs", "--worker"], worker = true }
//   node answer.mjs --serve 9000      and      http = "http://127.0.0.1:9000/"

import { createServer } from "node:http";
import { createInterface } from "node:readline";

function answer(turn) {
  const text = turn.message?.text ?? "";
  return { effects: [{ say: { text: [...text].reverse().join("") } }] };
}

async function whole(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

if (process.argv.includes("--serve")) {
  const server = createServer(async (request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(answer(await whole(request))));
  });
  const port = Number(process.argv[process.argv.indexOf("--serve") + 1]);
  server.listen(port, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
} else if (process.argv.includes("--worker")) {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(answer(JSON.parse(line))));
  }
} else {
  console.log(JSON.stringify(answer(await whole(process.stdin))));
}
