"""Ways in besides Prometheus: each turns an export, a text or a node's files into days of history."""
