"""Programs: what simulated containers do. Image and command choose one; readers register their own.

A program is a class with pure functions (`cri.api.Program`); `Base` has the usual answers, so that a reader's class needs only
what differs. Its state is plain data; it never changes a state that it was given.

>>> from kubelab.cri.effects import HttpAnswer
>>> class Slow(Base):
...     name = "slow"
...     def claims(self, image, command, args):
...         return image.startswith("example.com/slow:")
...     def init(self, spec, now_ns, world):
...         return now_ns
...     def probe_http(self, spec, state, port, path, now_ns, world):
...         return HttpAnswer(200 if now_ns - state >= 3_000_000_000 else 503)
>>> program = register(Slow())
>>> choose("example.com/slow:1", (), ()).name
'slow'
>>> unregister("slow")
"""

from kubelab.cri.programs.agnhost import Agnhost
from kubelab.cri.programs.base import Base
from kubelab.cri.programs.catalog import StartError, choose, get, install, register, unregister
from kubelab.cri.programs.etcd import Etcd
from kubelab.cri.programs.forever import Forever
from kubelab.cri.programs.kafka import Kafka
from kubelab.cri.programs.mounttest import Mounttest
from kubelab.cri.programs.own import Life, Program
from kubelab.cri.programs.shell import Shell
from kubelab.cri.programs.simple import CrashLoop, Leak, Perl, Stress, Web
from kubelab.cri.programs.zookeeper import ZooKeeper

install(
    Etcd(),
    ZooKeeper(),
    Kafka(),
    Web(),
    CrashLoop(),
    Leak(),
    Stress("stress", "polinux/stress"),
    Perl(),
    Mounttest(),
    Agnhost(),
    Shell(),
    Forever(),
)

__all__ = ["Base", "CrashLoop", "Leak", "Life", "Program", "StartError", "Web", "choose", "get", "register", "unregister"]
