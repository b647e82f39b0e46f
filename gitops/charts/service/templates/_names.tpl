{{/* What a pod is found by: never changes, for a Rollout's selector cannot. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Values.name }}
{{- end }}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/part-of: careslot
app.kubernetes.io/component: {{ .Values.tier }}
app.kubernetes.io/managed-by: argocd
careslot.health/environment: {{ .Values.facts.environment }}
careslot.health/data-class: {{ .Values.data_class }}
careslot.health/team: {{ .Values.team }}
{{- end }}

{{- define "service.image" -}}
{{ .Values.facts.registry }}/{{ .Values.name }}@{{ .Values.digest }}
{{- end }}

{{/* Waves: namespace and who and what pods are, then the schema, then the pods, then what follows them. */}}
{{- define "service.wave" -}}
argocd.argoproj.io/sync-wave: {{ . | quote }}
{{- end }}

{{/* How few pods there are: a standby keeps the floor warm, which the region switch raises. */}}
{{- define "service.floor" -}}
{{ .Values.scaling.min }}
{{- end }}

{{- define "service.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "service.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The bucket of careslot_http_request_seconds (services/kernel/telemetry.py) that the objective falls into or under. */}}
{{- define "service.bucket" -}}
{{- $within := "" }}
{{- range list 5 10 25 50 100 250 500 1000 2500 5000 10000 }}
{{- if and (not $within) (le (int $.Values.slo.latency_ms) .) }}{{ $within = . }}{{ end }}
{{- end }}
{{- if ge $within 1000 }}{{ divf $within 1000.0 | printf "%.1f" }}{{ else }}{{ divf $within 1000.0 }}{{ end }}
{{- end }}
