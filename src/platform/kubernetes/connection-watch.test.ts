import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionWatch } from './connection-watch.ts';

test('the end of a connection is told, and one is made again when it is asked for', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const places = new Map([['one', { host: '127.0.0.1', port }]]);
  const ended = Promise.withResolvers<void>();
  const watch = new ConnectionWatch(() => ended.resolve());
  const connected = once(server, 'connection');
  watch.follow(places);
  const [socket] = (await connected) as [Socket];
  socket.end();
  await ended.promise;
  const again = once(server, 'connection');
  watch.follow(places);
  const [next] = (await again) as [Socket];
  const closed = once(next, 'close');
  next.resume();
  watch.follow(new Map());
  await closed;
  server.close();
});
