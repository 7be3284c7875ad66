# Daemons and their cgroups. Every cgroup hierarchy gets /$NAME/<group>. The v2 one (in a hybrid set-up:
# .../unified) has cgroup.kill and cgroup.freeze, and no process of a node ever leaves it, since runc in its
# v1 mode moves containers only within the v1 hierarchies.
mapfile -t CGROUPS < <(awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts)
CGROUP2=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)

cgroup_make() { # GROUP, a path below /$NAME
  local root part dir
  for root in "${CGROUPS[@]}"; do
    dir=$root
    for part in "$NAME" ${1//\// }; do
      if [ ! -d "$dir/$part" ]; then
        mkdir "$dir/$part"
        if [ -f "$dir/cpuset.cpus" ]; then
          cat "$dir/cpuset.cpus" > "$dir/$part/cpuset.cpus"; cat "$dir/cpuset.mems" > "$dir/$part/cpuset.mems"
        fi
      fi
      dir=$dir/$part
    done
  done
}
cgroup_enter() { local root; for root in "${CGROUPS[@]}"; do echo "$BASHPID" > "$root/$NAME/$1/cgroup.procs"; done; }
# In the following, GROUP may be '': the whole cluster.
cgroup_empty() { [ ! -d "$CGROUP2/$NAME/$1" ] || grep -q '^populated 0' "$CGROUP2/$NAME/$1/cgroup.events"; }
cgroup_kill() { # SIGKILL for all at or below GROUP, at once; returns when they are gone
  [ -d "$CGROUP2/$NAME/$1" ] || return 0
  echo 0 > "$CGROUP2/$NAME/$1/cgroup.freeze"
  echo 1 > "$CGROUP2/$NAME/$1/cgroup.kill"
  wait_for 60 "processes of cgroup $NAME/$1 to die" cgroup_empty "$1"
}
cgroup_rmdir() { local root d; for root in "${CGROUPS[@]}"; do d=$root/$NAME${1:+/$1}; [ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} + || return 1; done; }
cgroup_remove() { wait_for 60 "cgroups $NAME/$1 to go" cgroup_rmdir "$1"; }

# spawn GROUP DAEMON COMMAND...: in a session and a cgroup of its own; log and pid below $RUN
spawn() {
  local group=$1 daemon=$2; shift 2
  mkdir -p "$RUN/log" "$RUN/pid"
  ( exec 7<&- 8<&- 9<&-; cgroup_enter "$group"; exec setsid "$@" ) </dev/null >>"$RUN/log/$daemon.log" 2>&1 &
  echo "$! $(start_time $!)" > "$RUN/pid/$daemon"
}
pid_of() { local pid; read -r pid _ < "$RUN/pid/$1" && echo "$pid"; }
# In clock ticks since the boot: with the pid it names a process for ever, since pids come round again.
start_time() { local stat; stat=$(<"/proc/$1/stat") && set -- ${stat##*) } && echo "${20}"; }
alive() { # DAEMON
  local pid start stat
  read -r pid start 2>/dev/null < "$RUN/pid/$1" || return 1
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) && [[ ${stat##*) } != [ZX]* ]] && [ "$(start_time "$pid")" = "$start" ]
}
ensure() { alive "$2" || spawn "$@"; }
on_node() { local n=$1; shift; nsenter -t "$(pid_of "node$n")" --mount --net --uts -- "$@"; }
