"""Programs: what simulated containers do. Image and command choose one; readers register their own.

A program is a class with pure functions (`cri.api.Program`); `base.Base` has the usual answers, so that a reader's class needs
only what differs.
"""

from kubelab.cri.programs.agnhost import Agnhost
from kubelab.cri.programs.base import Base
from kubelab.cri.programs.catalog import StartError, choose, get, install, register, unregister
from kubelab.cri.programs.etcd import Etcd
from kubelab.cri.programs.forever import Forever
from kubelab.cri.programs.kafka import Kafka
from kubelab.cri.programs.shell import Shell
from kubelab.cri.programs.simple import CrashLoop, Leak, Perl, Stress, Web
from kubelab.cri.programs.zookeeper import ZooKeeper

install(Etcd(), ZooKeeper(), Kafka(), Web(), CrashLoop(), Leak(), Stress("stress", "polinux/stress"), Perl(), Agnhost(), Shell(), Forever())

__all__ = ["Base", "CrashLoop", "Leak", "StartError", "Web", "choose", "get", "register", "unregister"]
