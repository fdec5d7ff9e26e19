"""Where the results of a nightly run go: a store of reports, objects in the cluster, metrics, a webhook."""
