"""Tests against the real Kubernetes."""
