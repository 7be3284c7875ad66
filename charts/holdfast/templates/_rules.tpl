{{/* What the controller does in the namespaces of applications, and nothing else. */}}
{{- define "holdfast.rules" -}}
{{- $look := list "list" "watch" -}}
{{- $own := concat $look (list "create" "patch" "delete") -}}
# What is wanted, and what has become of it.
- apiGroups: [holdfast.dev]
  resources: [apps]
  verbs: {{ append $look "get" | toJson }}
# finalizers: where owner references are protected, only who may change the owner's may be owned by it.
- apiGroups: [holdfast.dev]
  resources: [apps/status, apps/finalizers]
  verbs: [update]
# What applications consist of.
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: {{ toJson $own }}
- apiGroups: [""]
  resources: [services]
  verbs: {{ toJson $own }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: {{ append $own "update" | toJson }}
# get: those that an App names and others made.
- apiGroups: [""]
  resources: [secrets]
  verbs: {{ append $own "get" | toJson }}
# A run of migrations is never changed.
- apiGroups: [batch]
  resources: [jobs]
  verbs: {{ concat $look (list "create" "delete") | toJson }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ toJson $own }}
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: {{ toJson $own }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: {{ toJson $own }}
# Of the routers; they go with the App, never by themselves.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: {{ concat $look (list "create" "patch") | toJson }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: {{ concat $look (list "create" "patch") | toJson }}
# Which instance a scale-down takes; a volume that gets its class or grows.
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: {{ append $look "patch" | toJson }}
# A migrator on a node that does not answer is given up, so that its Job can go on.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
# Used by an application's routers alone: nobody can hand over a right that he lacks.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: {{ toJson $look }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What belongs to no namespace. */}}
{{- define "holdfast.clusterRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list, watch]
{{- end -}}
