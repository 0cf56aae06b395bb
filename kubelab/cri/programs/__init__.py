"""Programs: what simulated containers do. Image and command choose one; readers register their own.

A program is a class with pure functions (`cri.api.Program`); `base.Base` has the usual answers, so that a reader's class needs
only what differs.
"""

from kubelab.cri.programs.base import Base
from kubelab.cri.programs.catalog import StartError, choose, get, install, register, unregister
from kubelab.cri.programs.forever import Forever
from kubelab.cri.programs.shell import Shell

install(Shell(), Forever())

__all__ = ["Base", "StartError", "choose", "get", "register", "unregister"]
