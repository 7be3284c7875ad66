# The image set that every node has from the start ($PAUSE and $IMAGES): a throw-away containerd imports it
# once, and each node gets its root by hard links. Blobs and unpacked layers are never written again; only the
# small bolt databases are copied. Kept in the cache under the archives' sizes and times, so that a copy or a link of
# an archive counts as the same.
ctr_on() { local n=$1; shift; ctr -a "$RUN/node$n/run/containerd/containerd.sock" -n k8s.io "$@"; }
seed_folder() { echo "$CACHE/seed-$(stat -Lc '%s %Y' "$PAUSE" $IMAGES | sha256sum | cut -c1-16)"; }
make_seed() { ( exec 7>"$CACHE/seed.lock"; flock -w 300 7 || die "another cluster is importing images"; make_seed_alone ); }
make_seed_alone() {
  local seed work=$RUN/seed old; seed=$(seed_folder)
  if [ -e "$seed/done" ]; then touch "$seed"; return; fi
  cgroup_kill seed; rm -rf "$seed" "$work"; mkdir -p "$seed" "$work"
  cat > "$work/config.toml" <<EOF
version = 2
root = "$seed/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$work/containerd.sock"
EOF
  cgroup_make seed; spawn seed seed unshare --mount containerd --config "$work/config.toml" --log-level warn
  wait_for 60 "the seed containerd" test -S "$work/containerd.sock"
  for f in "$PAUSE" $IMAGES; do ctr -a "$work/containerd.sock" -n k8s.io images import "$f" >/dev/null; done
  kill "$(pid_of "seed")"; wait_for 60 "the seed containerd's end" cgroup_empty seed; cgroup_remove seed
  touch "$seed/done"; rm -rf "$work" "$RUN/pid/seed"
  ls -dt "$CACHE"/seed-*/ | tail -n +4 | while read -r old; do rm -rf "$old"; done    # the three used last stay
}
seed_node() { # N
  local seed to=$RUN/node$1/lib/containerd database; seed=$(seed_folder)
  [ -d "$to" ] && return
  # On another file system there are no hard links: a plain copy.
  if ! cp -al "$seed/root" "$to" 2>/dev/null; then rm -rf "$to"; cp -a "$seed/root" "$to"; return; fi
  while read -r database; do cp --remove-destination "$seed/root/$database" "$to/$database"; done < <(cd "$seed/root" && find . -maxdepth 2 -name '*.db')
}
