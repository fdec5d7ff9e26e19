"""Where Kubernetes objects come from: files, folders and standard input."""
