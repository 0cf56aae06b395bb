"""Service accounts: every active namespace has its ``default``, and Secrets that ask for a token get one.

upstream: pkg/controller/serviceaccount, 1.28.
"""

from kubelab.controllers.serviceaccount.controller import CONTROLLER
from kubelab.controllers.serviceaccount.tokens import CONTROLLER as TOKENS

__all__ = ["CONTROLLER", "TOKENS"]
