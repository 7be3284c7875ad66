/**
 * The process of an instance on a machine of its own. `/login/hold` is answered when SIGUSR2 comes; a connection that
 * is upgraded gives back what it is sent.
 */
import { createServer, type ServerResponse } from 'node:http';

const [name = '', port = '0'] = process.argv.slice(2);
const held: ServerResponse[] = [];
const server = createServer((request, response) => {
  if (request.url === '/login/hold') held.push(response);
  else response.end(name);
});
server.keepAliveTimeout = 120_000;
server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.pipe(socket);
});
process.on('SIGUSR2', () => {
  for (const response of held.splice(0)) response.end(name);
});
server.listen(Number(port), () => process.stdout.write('listens\n'));
