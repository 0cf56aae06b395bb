"""CronJob: Jobs on a schedule."""

from kubelab.controllers.cronjob.controller import CONTROLLER

__all__ = ["CONTROLLER"]
