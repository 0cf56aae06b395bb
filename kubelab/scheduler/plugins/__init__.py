"""The plug-ins of the default profile, one module each: ``NAME``, reasons as constants, ``WAKES_ON`` (the events that may undo a refusal),
and pure functions ``pre_filter``, ``filter``, ``pre_score``, ``score``, ``normalize``, as far as the plug-in has these stages.
"""
