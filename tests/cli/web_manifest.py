"""A Deployment that commands about history and nights audit: two pods, 256Mi requested, at most 512Mi."""

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: app:1
        resources:
          requests: {cpu: 100m, memory: 256Mi}
          limits: {memory: 512Mi}
"""
