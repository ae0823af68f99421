#!/usr/bin/env bash
# Deno reports the close code 1014 as 0, and a connection that broke off as 0 too.
#
#   findings/deno_close_code_1014.sh     needs node, npm and a network; works in a folder of its own
#
# Guessed before: a close frame's code arrives as it was sent, as in node and in browsers, and a connection that breaks off
# is 1006 everywhere (WHATWG WebSockets: "the WebSocket connection close code" of RFC 6455 section 7.1.5, which is 1006).
#
# Seen with Deno 2.9.3 and a server of npm's ws 8.18.3: 1000 to 1003, 1007 to 1013, 3000 and 4999 arrive as sent. 1014 (bad
# gateway, registered with IANA) arrives as code 0, with no reason, not clean, after an error event. A connection that breaks
# off looks the same. So a client there cannot tell "bad gateway" from a lost line, and a table that knows 1006 knows neither.
#
# It prints what was seen, and fails when that has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund --prefix . deno@2.9.3 ws@8.18.3 >&2

cat >server.mjs <<'SERVER'
import {WebSocketServer} from 'ws';
const server = new WebSocketServer({port: 0}, () => console.log(server.address().port));
server.on('connection', (socket, request) => {
  const how = request.url.slice(1);
  if (how === 'broken') socket.terminate();
  else socket.close(Number(how), 'why');
});
SERVER

cat >client.mjs <<'CLIENT'
const [port, ...ways] = Deno.args;
for (const way of ways) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${way}`);
  let errors = 0;
  socket.onerror = () => { ++errors; };
  await new Promise((resolve) => { socket.onclose = ({code, reason, wasClean}) => {
    console.log(`${way}: ${code} "${reason}" ${wasClean ? 'clean' : 'not clean'}, ${errors} errors`);
    resolve();
  }; });
}
CLIENT

coproc SERVER { exec node server.mjs; }
server=$SERVER_PID
read -r port <&"${SERVER[0]}"
export DENO_NO_UPDATE_CHECK=1 NO_COLOR=1 DENO_DIR=$folder/deno
node_modules/.bin/deno run --quiet --allow-net client.mjs "$port" 1011 1012 1013 1014 3000 broken | tee seen.txt

cat >expected.txt <<'EXPECTED'
1011: 1011 "why" clean, 0 errors
1012: 1012 "why" clean, 0 errors
1013: 1013 "why" clean, 0 errors
1014: 0 "" not clean, 1 errors
3000: 3000 "why" clean, 0 errors
broken: 0 "" not clean, 1 errors
EXPECTED
diff expected.txt seen.txt >&2 && echo 'as it was'
