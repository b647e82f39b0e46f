{{/* What a process is told (services/kernel/runtime.py, services/<name>/settings.py); secrets come beside it. */}}
{{- define "service.environment" -}}
{{- $facts := .Values.facts }}
{{- $told := dict
    "AWS_REGION" $facts.region
    "CARESLOT_HOST" "0.0.0.0"
    "CARESLOT_PORT" (toString .Values.port)
    "CARESLOT_TOKEN_ISSUER" $facts.tokenIssuer
    "CARESLOT_TOKEN_JWKS_URL" (printf "%s/.well-known/jwks.json" $facts.tokenIssuer)
    "CARESLOT_TOKEN_AUDIENCES" $facts.tokenAudiences
    "CARESLOT_ACCESS_POLICIES" "/app/policies/access" }}
{{- if .Values.database }}
{{- $_ := set $told "CARESLOT_DATABASE_URL" (include "service.databaseUrl" .) }}
{{- $_ := set $told "CARESLOT_DATABASE_POOL" (toString .Values.database.connections) }}
{{- $_ := set $told "CARESLOT_BUS_NAME" $facts.bus }}
{{- end }}
{{- range splitList " " $facts.callees }}
{{- if . }}
{{- $callee := splitList ":" . }}
{{- $name := first $callee }}
{{- $address := ternary (printf "http://%s.%s.svc.cluster.local" $name $name) (printf "%s/%s" $facts.entrance $name) (eq (len $callee) 2) }}
{{- $_ := set $told (printf "CARESLOT_%s_URL" (upper $name | replace "-" "_")) $address }}
{{- end }}
{{- end }}
{{- if has "user-accounts" (.Values.uses | default list) }}
{{- $_ := set $told "CARESLOT_USER_POOL_ID" $facts.userPoolId }}
{{- end }}
{{- if has "client-secret" (.Values.secrets | default list) }}
{{- $_ := set $told "CARESLOT_TOKEN_URL" $facts.tokenUrl }}
{{- $_ := set $told "CARESLOT_CLIENT_ID" (required (printf "%s signs in as itself, but the bridge names no client" .Values.name) $facts.clientId) }}
{{- end }}
{{- if $facts.lockedBucket }}
{{- $_ := set $told "CARESLOT_ANCHOR_BUCKET" $facts.lockedBucket }}
{{- $_ := set $told "CARESLOT_RETENTION_YEARS" $facts.auditYears }}
{{- end }}
{{- range $name, $value := $told }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* No password: the service signs in by IAM (services/kernel/database.py), as the user called like its database. */}}
{{- define "service.databaseUrl" -}}
{{- $host := required (printf "%s has a database, but the bridge names no endpoint" .Values.name) .Values.facts.databaseEndpoint -}}
postgresql://{{ .Values.database.name }}@{{ $host }}:5432/{{ .Values.database.name }}?sslmode=require
{{- end }}

{{- define "service.secretEnvironment" -}}
{{- $service := .Values.name }}
{{- range .Values.secrets }}
- name: CARESLOT_{{ upper . | replace "-" "_" }}
  valueFrom:
    secretKeyRef: {name: {{ $service }}, key: {{ . }}}
{{- end }}
{{- end }}
