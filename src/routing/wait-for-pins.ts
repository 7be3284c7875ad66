/**
 * Lets nobody follow the owner table before this worker of HAProxy knows the pins: it takes requests from
 * its first moment on, and is taught the pins of the worker before it, or of other routers, a little later.
 * Until then a user without a pin waits, see `docs/decisions/0014-wait-for-the-pins.md`.
 *
 * That the pins are known is told by a server of a backend that gets no requests: it is ready. The worker
 * finds it out by itself; who knows that there is nothing to learn may tell it sooner.
 */
import { quoted } from './haproxy-words.ts';

/** The backend whose server is ready when the pins are known; no service can have this name. */
export const PINS_BACKEND = 'holdfast_pins';
/** Its server that is ready when they are. */
export const PINS_KNOWN_SERVER = 'known';
const SOCKET_VARIABLE = 'HOLDFAST_RUNTIME';

/** Tells a worker that there are no pins that it could still learn. */
export const PINS_KNOWN_COMMAND = `set server ${PINS_BACKEND}/${PINS_KNOWN_SERVER} state ready`;

/** Holds when the pins are known; also in a worker that stops, whose backends count no servers any more. */
export const PINS_KNOWN = `{ srv_is_up(${PINS_BACKEND}/${PINS_KNOWN_SERVER}) }`;

/** The action of a request that waits until the pins are known, or for too long. */
export const WAIT_FOR_PINS = 'lua.wait-for-pins';

/** File name of the script, beside the configuration. */
export const PINS_SCRIPT_FILE = 'wait-for-pins.lua';

/**
 * How long a request waits at most; ms. HAProxy gives up learning by itself after 5 s without a teacher, so
 * a request gets 503 only when a lesson takes longer than this.
 */
const PATIENCE = 6_000;
/** Between two looks; ms. */
const POLL = 10;

/** For the section `global`, after nothing that it depends on. */
export function pinsScriptLines(runtimeSocket: string): string[] {
  return [`  setenv ${SOCKET_VARIABLE} ${quoted(runtimeSocket)}`, `  lua-load ${PINS_SCRIPT_FILE}`];
}

/** The backend that tells whether the pins are known. */
export function pinsSection(): string[] {
  return [`backend ${PINS_BACKEND}`, `  server ${PINS_KNOWN_SERVER} 127.0.0.1:1 disabled`, ''];
}

/**
 * The script, for the Lua 5.3 that HAProxy has. The bits of a peers section's flags say that learning from
 * the worker before this one (1) and from other routers (2) is over; without others the first is enough. At
 * a reload the socket may still be answered by the worker before this one, so the answer tells the pid. A worker
 * that is told to stop before it knows the pins will never: its users are passed on to the next one.
 */
export const PINS_SCRIPT = `-- Holds users without a pin back until this worker knows the pins.
local runtime = os.getenv("${SOCKET_VARIABLE}")
local is_known = false
local is_stopping = false

local function ask(command)
  local socket = core.tcp()
  socket:settimeout(1)
  local reply
  if socket:connect("unix@" .. runtime) and socket:send(command .. "\\n") then
    reply = socket:receive("*a")
  end
  socket:close()
  return reply or ""
end

local function has_learned(reply)
  local flags = tonumber(reply:match(" disabled=%d+ flags=(0x%x+)"))
  if flags == nil or flags & 1 == 0 then return false end
  return flags & 2 ~= 0 or not reply:find("(remote,", 1, true)
end

core.register_task(function()
  local own = "\\nPid: " .. core.get_info().Pid .. "\\n"
  local server = core.backends["${PINS_BACKEND}"].servers["${PINS_KNOWN_SERVER}"]
  repeat
    core.msleep(${POLL})
    is_stopping = core.get_info().Stopping == 1
    if is_stopping then return end
    local reply = ask("show info; show peers")
    local was_told = not server:get_stats().status:find("^MAINT")
    is_known = was_told or reply:find(own, 1, true) and has_learned(reply)
  until is_known
  server:set_ready()
end)

-- Those who have waited for long look less often, so that many of them cost little.
core.register_action("wait-for-pins", { "http-req" }, function()
  local waited = 0
  while waited < ${PATIENCE} and not is_known and not is_stopping do
    local pause = math.max(${POLL}, waited // 8)
    core.msleep(pause)
    waited = waited + pause
  end
end)
`;
