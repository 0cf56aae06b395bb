"""The cluster autoscaler: nodes come from named pools when pods find no place, and go when they are not needed.

``pools`` and ``options`` say what there is; ``snapshot`` tries pods on nodes as the scheduler would; ``scaling_up`` and ``scaling_down`` decide;
``controller`` is the component; ``provider`` is the cloud: it starts and ends machines.

upstream: kubernetes/autoscaler, cluster-autoscaler, 1.28.
"""

from kubelab.cluster.autoscaler.controller import CONTROLLER
from kubelab.cluster.autoscaler.install import install, is_wanted

__all__ = ["CONTROLLER", "install", "is_wanted"]
