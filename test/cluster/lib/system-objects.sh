# The objects that a cluster has from the start: rights of the add-ons, their Services, a storage class.
host_service() { # NAME CLUSTER-IP PORTS (JSON, with targetPort): a Service whose one endpoint is a process on the host
  cat <<EOF
apiVersion: v1
kind: Service
metadata: {name: $1, namespace: kube-system, labels: {k8s-app: $1}}
spec: {clusterIP: $2, ports: $3}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $1, namespace: kube-system, labels: {kubernetes.io/service-name: $1, endpointslice.kubernetes.io/managed-by: test-cluster}}
addressType: IPv4
endpoints: [{addresses: ["$HOST"], conditions: {ready: true}}]
ports: $(sed -E 's/port: [0-9]+, targetPort/port/g' <<< "$3")
---
EOF
}
rights() { # NAME RULES (JSON): a ClusterRole, bound to the user of the same name
  cat <<EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "$1"}
rules: $2
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "$1"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "$1"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "$1"}]
---
EOF
}
system_objects() {
  local default=true; [ "$DEFAULT_CLASS" != 0 ] || default=false
  rights system:coredns '[{apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}, {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}]'
  host_service kube-dns "$DNS" '[{name: dns, protocol: UDP, port: 53, targetPort: 53}, {name: dns-tcp, protocol: TCP, port: 53, targetPort: 53}]'
  cat <<EOF
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "$default"}}
provisioner: kubernetes.io/host-path
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
---
EOF
  [ "$METRICS" = 0 ] || metrics_objects
}
metrics_objects() {
  rights system:metrics-server '[{apiGroups: [""], resources: [nodes/metrics], verbs: [get]}, {apiGroups: [""], resources: [pods, nodes, namespaces], verbs: [get, list, watch]}, {apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]}, {apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]}]'
  host_service metrics-server "$SERVICES.0.11" '[{name: https, protocol: TCP, port: 443, targetPort: 4443}]'
  cat <<EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: metrics-server-auth-reader, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:metrics-server"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:aggregated-metrics-reader", labels: {rbac.authorization.k8s.io/aggregate-to-admin: "true", rbac.authorization.k8s.io/aggregate-to-edit: "true", rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{apiGroups: [metrics.k8s.io], resources: [pods, nodes], verbs: [get, list, watch]}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {group: metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, caBundle: $(base64 -w0 < "$PKI/ca.crt"), service: {name: metrics-server, namespace: kube-system}}
EOF
}
