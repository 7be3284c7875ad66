# Settings of a cluster, and the few helpers that everything uses. README.md explains each setting.
CACHE=${HOLDFAST_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/cluster}
RUN=${HOLDFAST_CLUSTER_RUN:-/run/holdfast-cluster}
NAME=${HOLDFAST_CLUSTER_NAME:-holdfast}
NET=${HOLDFAST_CLUSTER_NET:-10.79.0}
PODS=${HOLDFAST_CLUSTER_PODS:-10.245}
SERVICES=${HOLDFAST_CLUSTER_SERVICES:-10.97}
IMAGES=${HOLDFAST_CLUSTER_IMAGES:-}
PROXY_MODE=${HOLDFAST_CLUSTER_PROXY_MODE:-nftables}
TIMING=${HOLDFAST_CLUSTER_TIMING:-fast}
METRICS=${HOLDFAST_CLUSTER_METRICS:-1}
DEFAULT_CLASS=${HOLDFAST_CLUSTER_DEFAULT_CLASS:-1}
OWNER_SECONDS=${HOLDFAST_CLUSTER_OWNER_SECONDS:-1800}
HOST=$NET.1 DNS=$SERVICES.0.10 BRIDGE=${NAME}0
KUBE=$CACHE/kube ADDONS=$CACHE/addons PAUSE=$CACHE/pause.tar
PKI=$RUN/pki

# How long Kubernetes waits. stock: its own defaults, all of them; fast: the same decisions, sooner.
case $TIMING in
  fast)
    TOLERATION=5 LEASE_SECONDS=8 STATUS_PERIOD=5s
    CONTROLLER_TIMING=(--node-monitor-period=1s --node-monitor-grace-period=8s
      --node-eviction-rate=10 --unhealthy-zone-threshold=0.99   # otherwise eviction stops when most of a small cluster is down
      --kube-api-qps=500 --kube-api-burst=1000                  # with 20, nodes lose their first taints after 10 s
      --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-initial-readiness-delay=5s
      --horizontal-pod-autoscaler-cpu-initialization-period=10s --horizontal-pod-autoscaler-downscale-stabilization=15s) ;;
  stock) TOLERATION=300 LEASE_SECONDS=40 STATUS_PERIOD=10s CONTROLLER_TIMING=() ;;
  *) echo "HOLDFAST_CLUSTER_TIMING must be fast or stock, not $TIMING" >&2; exit 2 ;;
esac

# What a running cluster can't change: `up` with other settings replaces the cluster.
settings() { printf '%s\n' "$NAME" "$NET" "$PODS" "$SERVICES" "$PROXY_MODE" "$TIMING" "$METRICS" "$DEFAULT_CLASS" "$(seed_folder)"; }

now() { echo "${EPOCHREALTIME/[^0-9]/}"; }
STARTED=$(now)
say() { local ms=$((($(now) - STARTED) / 1000)); printf '%3d.%03ds  %s\n' $((ms / 1000)) $((ms % 1000)) "$*" >&2; }
die() { say "error: $*"; exit 1; }
not() { ! "$@"; }
# wait_for SECONDS WHAT COMMAND...: polls every 50 ms
wait_for() {
  local end=$(($(now) + $1 * 1000000)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do (($(now) < end)) || die "timed out: $what"; sleep 0.05; done
}
node_ip() { echo "$NET.1$1"; }
nodes() { local d; for d in "$RUN"/node[1-9]; do echo "${d##*node}"; done; }
# One `up` or `down` of a cluster at a time, and one maker of the image seed. Daemons get neither descriptor.
lock() { mkdir -p "$CACHE"; exec 9>"$CACHE/$NAME.lock"; flock -w 120 9 || die "another up or down of $NAME is running"; }
