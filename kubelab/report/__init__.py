"""A report: what an audit log tells, as one self-contained page that prints well and can be handed in."""

from kubelab.report.writing import write

__all__ = ["write"]
