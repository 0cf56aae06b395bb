"""The audit of a cluster, for its user: policy, recorded events, backends that write them to files or send them to a receiver."""

from kubelab.cluster.auditing.auditing import Auditing
from kubelab.cluster.auditing.options import AuditWarning

__all__ = ["AuditWarning", "Auditing"]
