"""Usage: what containers use of their nodes, in closed form. ``reading`` answers; ``ledger`` keeps what cannot be recomputed."""
