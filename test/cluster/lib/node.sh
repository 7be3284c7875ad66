# A node: its files, its network, its processes (containerd, kubelet, kube-proxy).
write_node_files() { # N: files as the node sees them, below /var/lib/kubelet
  local n=$1 k=$RUN/node$1/lib/kubelet ip; ip=$(node_ip "$1")
  [ -e "$k/done" ] && return
  mkdir -p "$k" "$RUN/node$n"/{run,log,lib/cni/net.d}
  certificate "node$n" "system:node:node$n" system:nodes "IP:$ip,DNS:node$n"
  cp "$PKI/ca.crt" "$PKI/node$n.crt" "$PKI/node$n.key" "$k/"
  kubeconfig "$k/kubeconfig" "node$n"; cp "$PKI/proxy.conf" "$k/proxy.conf"
  echo "nameserver $HOST" > "$k/resolv.conf"
  cat > "$k/containerd.toml" <<EOF
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.native", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true   # without CAP_SYS_RESOURCE nobody can lower oom_score_adj, and every pod would fail
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/var/lib/cni/net.d"
EOF
  cat > "$RUN/node$n/lib/cni/net.d/10-pods.conflist" <<EOF
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam", "ranges": [[{"subnet": "$PODS.$n.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}]}
EOF
  cat > "$k/config.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: /var/lib/kubelet/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: /var/lib/kubelet/node$n.crt
tlsPrivateKeyFile: /var/lib/kubelet/node$n.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$NAME/node$n
failCgroupV1: false
failSwapOn: false
clusterDNS: [$DNS]
clusterDomain: cluster.local
resolvConf: /var/lib/kubelet/resolv.conf
nodeLeaseDurationSeconds: $LEASE_SECONDS
nodeStatusUpdateFrequency: $STATUS_PERIOD
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
serializeImagePulls: false
registryPullQPS: 0
maxPods: 100
volumePluginDir: /var/lib/kubelet/volumeplugins
EOF
  cat > "$k/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: /var/lib/kubelet/proxy.conf}
hostnameOverride: node$n
clusterCIDR: $PODS.0.0/16
mode: $PROXY_MODE
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 100ms}
iptables: {minSyncPeriod: 100ms}
EOF
  seed_node "$n"
  touch "$k/done"
}
node_network() { # N: netns, veth to the bridge, routes to the other nodes' pods
  local n=$1 ns=$NAME-node$1 m
  mkdir -p "$RUN/node$n"
  [ -e "/run/netns/$ns" ] && [ -e "$RUN/node$n/net" ] && return
  [ ! -e "/run/netns/$ns" ] || ip netns del "$ns"; ip link del "$NAME-v$n" 2>/dev/null || true
  ip netns add "$ns"
  ip link add "$NAME-v$n" type veth peer name eth0 netns "$ns" address "$(printf '02:68:66:00:00:%02x' "$n")"   # same MAC after a revive: no stale ARP entries
  ip link set "$NAME-v$n" master "$BRIDGE" up
  { echo "link set lo up"; echo "addr add $(node_ip "$n")/24 dev eth0"; echo "link set eth0 up"
    echo "route add $SERVICES.0.0/16 dev eth0"     # so that the node's own connects get as far as kube-proxy's rules
    echo "route add unreachable default"              # nothing leaves this machine, and it fails at once
    for m in 1 2 3 4 5 6 7 8 9; do [ "$m" = "$n" ] || echo "route add $PODS.$m.0/24 via $(node_ip "$m")"; done
  } | ip -n "$ns" -batch -
  nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
  ip route replace "$PODS.$n.0/24" via "$(node_ip "$n")"
  [ "$n" != 1 ] || ip route replace "$SERVICES.0.0/16" via "$(node_ip 1)"    # the host reaches ClusterIPs through node1
  touch "$RUN/node$n/net"
}
boot_node() { # N
  local n=$1 d=$RUN/node$1 g=node$1/system ip; ip=$(node_ip "$1")
  cgroup_make "$g"; node_network "$n"
  if ! alive "node$n"; then
    rm -rf "$d/run"; mkdir -p "$d/run/netns"; rm -f "$d/booted"
    # the process that holds the node's mount and UTS namespaces; /var/lib, /var/log and /run are the node's own
    spawn "$g" "node$n" nsenter --net="/run/netns/$NAME-node$n" unshare --mount --uts bash -ec '
      hostname "$2"; cd "$1/$2"; mount --make-rshared /
      mount --bind "$1/volumes" "$3"
      touch booted
      mount -c --bind lib /var/lib; mount -c --bind log /var/log; mount -c --bind run /run
      cd /; touch /run/booted; exec sleep infinity' - "$RUN" "node$n" "$VOLUMES"
    wait_for 60 "node$n's namespaces" test -e "$d/run/booted"
  fi
  ensure "$g" "containerd$n" nsenter -t "$(pid_of "node$n")" --mount --net --uts -- containerd --config /var/lib/kubelet/containerd.toml --log-level warn
  wait_for 60 "containerd of node$n" test -S "$d/run/containerd/containerd.sock"
  # A dead connection to the API server is found within 5 s, so that a healed partition is noticed at once (stock: 45 s).
  [ "$TIMING" = stock ] || export HTTP2_READ_IDLE_TIMEOUT_SECONDS=3 HTTP2_PING_TIMEOUT_SECONDS=2
  # As an init system would, it starts them again when they end.
  local always='while :; do "$@"; sleep 1; done'
  ensure "$g" "kubelet$n" nsenter -t "$(pid_of "node$n")" --mount --net --uts -- bash -c "$always" - "$KUBE" kubelet --config=/var/lib/kubelet/config.yaml \
    --kubeconfig=/var/lib/kubelet/kubeconfig --hostname-override="node$n" --node-ip="$ip" --root-dir=/var/lib/kubelet --cert-dir=/var/lib/kubelet
  ensure "$g" "kube-proxy$n" nsenter -t "$(pid_of "node$n")" --mount --net --uts -- bash -c "$always" - "$KUBE" kube-proxy --config=/var/lib/kubelet/proxy.yaml
}
# The process below the loop that starts it.
kubelet_of() { local loop pid; loop=$(pid_of "kubelet$1"); read -r pid _ < "/proc/$loop/task/$loop/children"; echo "$pid"; }
stands_still() { [[ $(<"/proc/$1/stat") == *") T "* ]]; }
# node_ready N [SINCE]: Ready by a heartbeat younger than SINCE (epoch seconds), and schedulable
node_ready() {
  api "/api/v1/nodes/node$1" | jq -e --argjson since "${2:-0}" \
    'any(.status.conditions[]; .type == "Ready" and .status == "True" and (.lastHeartbeatTime | fromdate) > $since) and ((.spec.taints // []) | length == 0)'
}
# Whatever a test left: powered off, cut off, frozen, its kubelet stopped, cordoned. What the API server believes of such a node is
# old, so from then on only a new heartbeat counts.
mend_node() { # N
  local freezer=$CGROUP2/$NAME/node$1/cgroup.freeze link=$NAME-v$1 since=0
  if ! alive "kubelet$1"; then since=$EPOCHSECONDS
  elif stands_still "$(kubelet_of "$1")"; then kill -KILL "$(kubelet_of "$1")"; since=$EPOCHSECONDS; fi
  if [ -e "$RUN/node$1/joined" ]; then
    if [ -e "$freezer" ] && [ "$(<"$freezer")" = 1 ]; then echo 0 > "$freezer"; since=$EPOCHSECONDS; fi
    if [ -e "/sys/class/net/$link" ] && [ "$(<"/sys/class/net/$link/operstate")" != up ]; then ip link set "$link" up; since=$EPOCHSECONDS; fi
    kubectl patch node "node$1" --type=merge -p '{"spec":{"unschedulable":null,"taints":null}}' >/dev/null
  fi
  boot_node "$1"
  echo "$since" > "$RUN/node$1/since"
}
node_joined() { # N: as mend_node left it
  wait_for 90 "node$1 to be Ready; see $RUN/log/kubelet$1.log" node_ready "$1" "$(<"$RUN/node$1/since")"
  [ -e "$RUN/node$1/joined" ] || kubectl patch node "node$1" --type=merge -p "{\"spec\":{\"podCIDR\":\"$PODS.$1.0/24\",\"podCIDRs\":[\"$PODS.$1.0/24\"]}}" >/dev/null
  touch "$RUN/node$1/joined"
  say "node$1 Ready"
}
