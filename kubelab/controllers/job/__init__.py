"""Jobs: pods that run to their end, counted exactly once.

upstream: pkg/controller/job, 1.28.
"""

from kubelab.controllers.job.controller import CONTROLLER
from kubelab.controllers.job.first import FIRST

__all__ = ["CONTROLLER", "FIRST"]
