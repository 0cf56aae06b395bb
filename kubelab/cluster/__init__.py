"""Floor 4: the front door for Python. It puts a world together and is the user's handle to it."""

from kubelab.cluster.handle import Cluster

__all__ = ["Cluster"]
