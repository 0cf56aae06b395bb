"""The scheduler: which node a pod goes to, why, and when it is asked again. ``scheduler.SCHEDULER`` is the component.

A cycle reads like upstream's: ``queue`` (who is next) ▸ ``cycle`` (pre-filter, filter, score: one module per plug-in in ``plugins``) ▸
``memory`` (the assumption) ▸ ``binding``. ``cluster`` and ``table`` keep counts and answers between cycles; ``explain`` asks without acting.
"""
