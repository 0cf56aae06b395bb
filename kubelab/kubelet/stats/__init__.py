"""What a kubelet tells of usage: ``/stats/summary`` and its Prometheus pages, as pure functions of a machine's tables and an instant.

upstream: pkg/kubelet/{stats,server/stats,metrics/collectors}, 1.28; spec/cri-metrics.md sections 3, 4 and 6.
"""
