{{/*
What the schema of the values cannot say in words: fails with all problems at once. The API server
and the controller check the same again, and more.
*/}}
{{- define "app.checks" -}}
{{- $values := .Values -}}
{{- $problems := list -}}
{{- range $service, $content := $values.services -}}
  {{- range $variable, $source := $content.env -}}
    {{- with include "app.sourceProblem" $source -}}
      {{- $problems = append $problems (printf "services.%s.env.%s: %s" $service $variable .) -}}
    {{- end -}}
  {{- end -}}
  {{- with $content.stateful -}}
    {{- $keys := keys .key -}}
    {{- if or (ne (len (without $keys "assign")) 1) (and (has "assign" $keys) (not (has "cookie" $keys))) -}}
      {{- $problems = append $problems (printf "services.%s.stateful.key: expected exactly one of header, cookie, query, path; assign only beside cookie" $service) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $path, $service := $values.routes -}}
  {{- if not (hasKey $values.services $service) -}}
    {{- $problems = append $problems (printf "routes.%s: there is no service %q" $path $service) -}}
  {{- end -}}
{{- end -}}
{{- if and (not $values.routes) (gt (len $values.services) 1) -}}
  {{- $problems = append $problems "routes: missing; with several services say which gets which path" -}}
{{- end -}}
{{- with $values.database -}}
  {{- if and (eq .topology "external") (not .url) -}}
    {{- $problems = append $problems "database.url: missing; topology external needs the source of the URL" -}}
  {{- end -}}
  {{- with and .url (include "app.sourceProblem" .url) -}}
    {{- $problems = append $problems (printf "database.url: %s" .) -}}
  {{- end -}}
{{- end -}}
{{- if hasKey $values "migrations" -}}
  {{- if and $values.migrations.image $values.migrations.configMap -}}
    {{- $problems = append $problems "migrations: expected image or configMap, not both" -}}
  {{- end -}}
  {{- if not $values.database -}}
    {{- $problems = append $problems "migrations: there is no database beside it" -}}
  {{- end -}}
{{- end -}}
{{- if $problems -}}
  {{- fail (printf "the values cannot be used:\n%s" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{/* What is wrong with the source of a variable's value; empty if nothing is. */}}
{{- define "app.sourceProblem" -}}
{{- if or (hasKey . "from") (hasKey . "file") -}}
from and file are for a machine; on a cluster write { secret: NAME, key: KEY }
{{- else if ne (len (without (keys .) "key")) 1 -}}
expected exactly one of value, generate, secret with key, service
{{- else if and (hasKey . "secret") (not (hasKey . "key")) -}}
key: missing; expected the key inside the secret
{{- else if and (hasKey . "key") (or (hasKey . "value") (hasKey . "generate")) -}}
key: remove it; it is for secret and service
{{- end -}}
{{- end -}}
