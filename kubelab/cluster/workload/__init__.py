"""Recorded workloads: nodes and timed tasks from published CSV files, and their replay in virtual time.

Source of the layout: Alibaba cluster-trace-gpu-v2023 ("openb": 1,523 nodes, 8,152 tasks), github.com/alibaba/clusterdata; Weng et al., "Beware of
Fragmentation", USENIX ATC 2023.
"""

from kubelab.cluster.workload.reading import WorkloadError, read
from kubelab.cluster.workload.replaying import Replay
from kubelab.cluster.workload.tasks import Machine, Task, Workload

__all__ = ["Machine", "Replay", "Task", "Workload", "WorkloadError", "read"]
