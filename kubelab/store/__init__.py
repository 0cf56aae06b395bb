"""Floor 1: the revision log, and what follows from it: states, and the views that components have of them."""
