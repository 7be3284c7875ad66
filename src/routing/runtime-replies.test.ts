import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientConnections,
  arePinsKnown,
  hasLearned,
  infoField,
  mapNames,
  mapValue,
  observedServers,
  pinnedServer,
  preparedVersion,
  streamsAt,
} from './runtime-replies.ts';

const STATES = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port
3 login 5 login-1 127.0.0.1 2 0 18001
3 login 6 login-2 ::1 0 0 18002
3 login 7 login-3 127.0.0.1 2 8 18003
3 login 8 login-4 127.0.0.1 0 1 18004
3 login 9 login-5 127.0.0.1 2 4 18005`;

const STATISTICS = `# pxname,svname,qcur,scur,status,
login,login-1,0,3,UP,
login,login-2,0,0,DOWN,
login,login-3,0,1,DRAIN,
login,login-4,0,0,MAINT,
login,login-5,0,0,UP,
login,BACKEND,0,4,UP,
web,BACKEND,0,0,DOWN,`;

test('servers are told with their state and requests, backends also without servers', () => {
  const servers = observedServers(STATES, STATISTICS);
  assert.deepEqual(servers.get('web'), []);
  assert.deepEqual(servers.get('login')?.[0], {
    name: 'login-1',
    id: 5,
    address: '127.0.0.1',
    port: 18_001,
    up: true,
    admin: 'ready',
    currentSessions: 3,
  });

  test('down, draining and maintenance are told apart; that the file had it disabled is no maintenance', () => {
    // HAProxy lists a backend after its servers; the order must not matter.
    const rows = STATISTICS.split('\n');
    const reordered = [rows[0], rows[6], ...rows.slice(1, 6), rows[7]].join('\n');
    for (const statistics of [STATISTICS, reordered]) {
      const seen = observedServers(STATES, statistics).get('login');
      assert.deepEqual(
        seen?.map(({ up, admin }) => [up, admin]),
        [
          [true, 'ready'],
          [false, 'ready'],
          [true, 'drain'],
          [false, 'maint'],
          [true, 'ready'],
        ],
      );
    }
  });

  test('single facts are found in their answers, and their absence is seen', () => {
    assert.equal(infoField('Name: HAProxy\ndescription: g 1: x\nPid: 2', 'description'), 'g 1: x');
    assert.equal(infoField('Name: HAProxy', 'description'), undefined);
    const maps = `# id (file) description\n5 (login.map) pattern loaded from file 'login.map' used by map\n-1 (a.map) pattern loaded from file`;
    assert.deepEqual(mapNames(maps), ['login.map', 'a.map']);
    const found = `type=str, case=sensitive, found=yes, idx=tree, key="epoch", value="3", type="str"`;
    assert.equal(mapValue(found), '3');
    assert.equal(mapValue('type=str, case=sensitive, found=no'), undefined);
    assert.equal(preparedVersion('New version created: 12'), '12');
    assert.equal(preparedVersion('Unknown map identifier.'), undefined);
    assert.equal(pinnedServer('0x1: key=AB use=0 exp=5 server_id=1 server_key=login-1'), 'login-1');
    assert.equal(pinnedServer(''), undefined);
  });

  test('pins survive a reload once the peers section is done with learning', () => {
    const peers = (flags: string): string =>
      `0x55: [date] id=holdfast_peers disabled=0 flags=${flags} resync`;
    assert.equal(hasLearned(peers('0x11')), false);
    assert.equal(hasLearned(peers('0x0')), false);
    assert.equal(hasLearned(peers('0x33')), true);
    assert.equal(hasLearned(peers('0x1103')), true);
    assert.equal(hasLearned(''), true);
  });

  test('the pins are known when the server that stands for that is not in maintenance', () => {
    const states = (operational: number, admin: number): string => `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port
4 holdfast_pins 1 known 127.0.0.1 ${operational} ${admin} 1`;
    assert.equal(arePinsKnown(states(0, 5)), false);
    assert.equal(arePinsKnown(states(2, 4)), true);
    assert.equal(arePinsKnown(''), false);
  });

  test('connections of clients are counted over all frontends', () => {
    const statistics = `# pxname,svname,conn_tot,h2_open_connections,h2_backend_open_streams,
one,FRONTEND,7,2,1,
two,FRONTEND,4,3,0,`;
    assert.deepEqual(clientConnections(statistics), { http2: 5, http2Requests: 1, made: 11 });
    const none = { http2: 0, http2Requests: 0, made: 0 };
    assert.deepEqual(clientConnections('# pxname,svname,\none,FRONTEND,'), none);
  });
});

test('the streams at a server are those of its service alone', () => {
  const reply = `0x55c6e70667d0: proto=tcpv4 src=127.0.0.1:33242 fe=holdfast_in be=login srv=login-1 ts=00 rc=1
0x55c6e7066aaa: proto=tcpv4 src=127.0.0.1:33243 fe=holdfast_in be=login srv=login-10 ts=00 rc=1
0x55c6e7066bbb: proto=tcpv4 src=127.0.0.1:33244 fe=holdfast_in be=shop srv=login-1 ts=00 rc=0
0x55c6e83664a0: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0x1 age=0s
`;
  assert.deepEqual(streamsAt(reply, 'login', 'login-1'), ['0x55c6e70667d0']);
  assert.deepEqual(streamsAt('', 'login', 'login-1'), []);
});
