{{- define "qsl.image" -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- with get .root.Values.image.digests .name }}{{ $tag = printf "%s@%s" $tag . }}{{ end -}}
{{ printf "%s%s:%s" .root.Values.image.registry .name $tag }}
{{- end }}

{{- define "qsl.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: qsl-eventing
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "qsl.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "qsl.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "qsl.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "qsl.probes" -}}
startupProbe: {httpGet: {path: /livez, port: admin}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {httpGet: {path: /livez, port: admin}, periodSeconds: 10}
readinessProbe: {httpGet: {path: /readyz, port: admin}, periodSeconds: 2}
{{- end }}

{{- define "qsl.aws" -}}
- {name: AWS_REGION, value: {{ .Values.aws.region | quote }}}
{{- with .Values.aws.endpointUrl }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* Tokens for AWS, the signature service and the journal, each good at one of them only. */}}
{{- define "qsl.tokens" -}}
- name: tokens
  projected:
    sources:
    - serviceAccountToken: {path: aws/token, audience: sts.amazonaws.com, expirationSeconds: 3600}
    - serviceAccountToken: {path: signature-service/token, audience: signature-service.eventing.qsl.dev, expirationSeconds: 3600}
    - serviceAccountToken: {path: journal/token, audience: journal.eventing.qsl.dev, expirationSeconds: 3600}
{{- end }}

{{- define "qsl.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Replicas of one program on different nodes and zones, as far as there are some. */}}
{{- define "qsl.spread" -}}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "qsl.selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/* A drained node takes one replica at a time; one that is not ready holds no drain back. */}}
{{- define "qsl.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{- include "qsl.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "qsl.selector" . | nindent 6 }}
{{- end }}

{{/* Whoever sends requests learns that the pod goes before it takes no more. */}}
{{- define "qsl.leaveFirst" -}}
lifecycle: {preStop: {sleep: {seconds: 5}}}
{{- end }}

{{/* Where pods go, and what they carry. */}}
{{- define "qsl.placement" -}}
{{- with .Values.pods }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "qsl.podMetadata" -}}
{{- with .root.Values.pods.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
labels:
  {{- include "qsl.labels" . | nindent 2 }}
  {{- with .root.Values.pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What helm makes for `helm test`, and takes away after; the weight is the argument. */}}
{{- define "qsl.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* Of a pod that asks some questions and ends. */}}
{{- define "qsl.errandResources" -}}
requests: {cpu: 10m, memory: 32Mi}
limits: {memory: 64Mi}
{{- end }}

{{/* What Helm makes right before it takes the release away. */}}
{{- define "qsl.beforeUninstall" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
