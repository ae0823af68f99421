// npm `ws`, as its own broadcast example uses it: node ws_server.cjs [--echo] [--deflate]

const {WebSocketServer, WebSocket} = require('ws');

const echo = process.argv.includes('--echo');
const perMessageDeflate = process.argv.includes('--deflate');
const server = new WebSocketServer({host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate});
server.on('listening', () => console.log(`listening on ${server.address().port}`));
server.on('connection', socket => {
  socket.on('message', data => {
    if (echo) return socket.send(data, {binary: false});
    for (const client of server.clients)
      if (client.readyState === WebSocket.OPEN) client.send(data, {binary: false});
  });
  socket.on('error', () => {});
});
