"""What reaches the clusters, rendered here as Argo CD renders it there, without a cluster."""
