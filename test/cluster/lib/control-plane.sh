# What runs on the host: etcd, API server, controller manager, scheduler, cluster DNS, metrics-server; the
# bridge of the nodes' network; and the host's sysctls, which the kubelets change and the last cluster puts back.
SYSCTLS=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes
  fs.inotify.max_user_instances fs.inotify.max_user_watches)
SHARED=/run/holdfast-clusters      # for all clusters of this machine: a file for each, and what they changed
VOLUMES=/tmp/hostpath_pv           # where the hostpath provisioner writes; in the cluster's mount namespaces it is $RUN/volumes

with_host_lock() { ( exec 7>"$CACHE/host.lock"; flock 7; "$@" ); }
host_setup() {
  mkdir -p "$RUN/bin" "$RUN/volumes"
  with_host_lock register_cluster
  sysctl -qw fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288
  ln -sf "$KUBE" "$RUN/bin/kubectl"
  cgroup_make control
  ip link show "$BRIDGE" >/dev/null 2>&1 || ip -batch - <<EOF
link add $BRIDGE address 02:68:66:00:00:fe type bridge
addr add $HOST/24 dev $BRIDGE
link set $BRIDGE up
EOF
}
register_cluster() {
  mkdir -p "$SHARED" "$VOLUMES"
  [ -e "$SHARED/sysctls" ] || sysctl "${SYSCTLS[@]}" > "$SHARED/sysctls"
  grep -q ' /run/netns ' /proc/mounts || touch "$SHARED/netns-mounted"     # `ip netns add` mounts it on itself
  touch "$SHARED/cluster-$NAME"
}
host_restore() { with_host_lock forget_cluster; }
forget_cluster() {
  local other
  for other in "$SHARED"/cluster-*; do
    [ "$other" = "$SHARED/cluster-$NAME" ] || { rm -f "$SHARED/cluster-$NAME"; return 0; }
  done
  [ ! -e "$SHARED/sysctls" ] || sysctl -qp "$SHARED/sysctls"
  if [ -e "$SHARED/netns-mounted" ] && [ -z "$(ls /run/netns)" ]; then umount /run/netns; rmdir /run/netns; fi
  # Not while it is mounted in some namespace: rmdir would detach that mount.
  grep -qs " $VOLUMES " /proc/[0-9]*/mountinfo || rmdir "$VOLUMES" 2>/dev/null || true
  rm -rf "$SHARED"
}
start_apiserver() {
  ensure control etcd "$KUBE" etcd --name=e --data-dir="$RUN/etcd" --unsafe-no-fsync --logger=zap --log-level=warn \
    --listen-client-urls="https://$HOST:2379" --advertise-client-urls="https://$HOST:2379" \
    --listen-peer-urls="https://$HOST:2380" --initial-advertise-peer-urls="https://$HOST:2380" --initial-cluster="e=https://$HOST:2380" \
    --client-cert-auth --trusted-ca-file="$PKI/ca.crt" --cert-file="$PKI/etcd.crt" --key-file="$PKI/etcd.key" \
    --peer-client-cert-auth --peer-trusted-ca-file="$PKI/ca.crt" --peer-cert-file="$PKI/etcd.crt" --peer-key-file="$PKI/etcd.key"
  audit_policy > "$RUN/audit-policy.yaml"
  ensure control kube-apiserver "$KUBE" kube-apiserver --bind-address="$HOST" --advertise-address="$HOST" --secure-port=6443 \
    --etcd-servers="https://$HOST:2379" --etcd-cafile="$PKI/ca.crt" --etcd-certfile="$PKI/etcd.crt" --etcd-keyfile="$PKI/etcd.key" \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --anonymous-auth=true \
    --kubelet-client-certificate="$PKI/apiserver-kubelet.crt" --kubelet-client-key="$PKI/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file="$PKI/sa.pub" \
    --service-account-signing-key-file="$PKI/sa.key" --service-cluster-ip-range="$SERVICES.0.0/16" \
    --requestheader-client-ca-file="$PKI/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$PKI/front-proxy.crt" --proxy-client-key-file="$PKI/front-proxy.key" --enable-aggregator-routing=true \
    --default-not-ready-toleration-seconds="$TOLERATION" --default-unreachable-toleration-seconds="$TOLERATION" \
    --audit-policy-file="$RUN/audit-policy.yaml" --audit-log-path="$RUN/log/audit.log" \
    --allow-privileged=true --profiling=false
}
# What pods ask of the API server, for the tests that compare it with the rights that pods have.
audit_policy() {
  cat <<'EOF'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - {level: None, userGroups: ["system:serviceaccounts:kube-system"]}
  - {level: Metadata, userGroups: ["system:serviceaccounts"]}
  - {level: None}
EOF
}
api() { curl -sSf --max-time 2 --noproxy '*' --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" "https://$HOST:6443$1"; }
kubectl() { "$KUBE" kubectl --kubeconfig "$RUN/kubeconfig" "$@"; }
start_controllers() {
  local serving=(--bind-address="$HOST" --tls-cert-file="$PKI/host-services.crt" --tls-private-key-file="$PKI/host-services.key"
    --client-ca-file="$PKI/ca.crt" --leader-elect=false --profiling=false)
  ensure control kube-controller-manager unshare --mount sh -c 'mount --bind "$1" "$2"; shift 2; exec "$@"' - "$RUN/volumes" "$VOLUMES" \
    "$KUBE" kube-controller-manager "${serving[@]}" "${CONTROLLER_TIMING[@]}" \
    --kubeconfig="$PKI/controller-manager.conf" --authentication-kubeconfig="$PKI/controller-manager.conf" --authorization-kubeconfig="$PKI/controller-manager.conf" \
    --root-ca-file="$PKI/ca.crt" --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
    --service-account-private-key-file="$PKI/sa.key" --use-service-account-credentials=true \
    --enable-hostpath-provisioner=true --flex-volume-plugin-dir="$RUN/volumeplugins"
  # Now and then a pod whose PVC is bound while it is being scheduled is forgotten for this long (stock: 5 min).
  ensure control kube-scheduler "$KUBE" kube-scheduler "${serving[@]}" --pod-max-in-unschedulable-pods-duration=5s \
    --kubeconfig="$PKI/scheduler.conf" --authentication-kubeconfig="$PKI/scheduler.conf" --authorization-kubeconfig="$PKI/scheduler.conf"
  # Real storage honours fsGroup; hostpath volumes are root's, 0750. So each new one is opened to every group;
  # the setgid bit says that it has been done. Only shell builtins: this runs five times a second.
  ensure control volumes bash -c 'shopt -s nullglob; exec {idle}<> <(:)
    while :; do for folder in "$1"/*/; do [ -g "$folder" ] || chmod 2777 "$folder"; done; read -rt 0.2 -u "$idle"; done' - "$RUN/volumes"
}
start_addons() {
  cat > "$RUN/Corefile" <<EOF
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
  bind $HOST
  errors
  kubernetes {
    kubeconfig $PKI/coredns.conf
    pods insecure
  }
  loadbalance
}
.:53 {
  bind $HOST
  template ANY ANY {
    rcode NXDOMAIN
  }
}
EOF
  ensure control coredns "$ADDONS" coredns -conf "$RUN/Corefile"
  [ "$METRICS" = 0 ] || ensure control metrics-server "$ADDONS" metrics-server --kubeconfig="$PKI/metrics-server.conf" --bind-address="$HOST" --secure-port=4443 \
    --authentication-kubeconfig="$PKI/metrics-server.conf" --authorization-kubeconfig="$PKI/metrics-server.conf" \
    --tls-cert-file="$PKI/host-services.crt" --tls-private-key-file="$PKI/host-services.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP --metric-resolution=10s --kubelet-request-timeout=5s
}
