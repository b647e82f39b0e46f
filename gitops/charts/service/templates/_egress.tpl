{{/* What every pod of a service needs, that of its migrations too: names, the database, credentials. */}}
{{- define "service.egress" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {k8s-app: kube-dns}
    # Under Auto Mode names are answered by the node itself.
    - ipBlock: {cidr: {{ .Values.dns }}}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- if eq .Values.facts.machines "nodes" }}
- to:
    - ipBlock: {cidr: {{ .Values.podIdentity }}}
  ports: [{port: 80, protocol: TCP}]
{{- end }}
{{- if .Values.database }}
- to:
    - ipBlock: {cidr: {{ .Values.facts.network }}}
  ports: [{port: 5432, protocol: TCP}]
{{- end }}
{{- end }}
