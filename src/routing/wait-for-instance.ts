/**
 * Holds requests back while a service has no instance that takes any, for a while: one may come back in a moment. On a
 * machine that is very busy the checks may take an instance for dead that is only slow, and another for not there yet.
 */
/** File name of the script, beside the configuration. */
export const INSTANCE_SCRIPT_FILE = 'wait-for-instance.lua';

/** How long a request waits at most; ms. */
export const INSTANCE_PATIENCE = 5_000;
/** How many requests wait at a time; those beyond are refused at once. */
const MOST_WAITING = 500;
/** Between two looks; ms. */
const POLL = 20;

/** For the section `global`. */
export const INSTANCE_SCRIPT_LINE = `  lua-load ${INSTANCE_SCRIPT_FILE}`;

/** For a service whose requests any instance can take. In a worker that stops backends count no servers any more. */
export const WAIT_FOR_INSTANCE_LINE = '  http-request lua.wait-for-instance if { nbsrv eq 0 } !{ stopping }';

/** The script, for the Lua 5.3 that HAProxy has. */
export const INSTANCE_SCRIPT = `-- Holds requests back while a service has no instance that takes any.
local waiting = 0

core.register_action("wait-for-instance", { "http-req" }, function(txn)
  if waiting >= ${MOST_WAITING} then return end
  waiting = waiting + 1
  local backend = txn.f:be_name()
  local waited = 0
  while waited < ${INSTANCE_PATIENCE} and txn.f:nbsrv(backend) == 0 and core.get_info().Stopping ~= 1 do
    local pause = math.max(${POLL}, waited // 8)
    core.msleep(pause)
    waited = waited + pause
  end
  waiting = waiting - 1
end)
`;
