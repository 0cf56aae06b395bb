"""Rollouts reconstructed from a log alone. spec/audit.md B4."""

from __future__ import annotations

from kubelab.auditlog.rollouts.counts import rollout_counts as rollout_counts
from kubelab.auditlog.rollouts.frames import rollout_notes as rollout_notes
from kubelab.auditlog.rollouts.frames import rollout_phases as rollout_phases
from kubelab.auditlog.rollouts.frames import rollout_pods as rollout_pods
from kubelab.auditlog.rollouts.frames import rollout_steps as rollout_steps
from kubelab.auditlog.rollouts.frames import rollouts as rollouts
