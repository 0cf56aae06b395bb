"""Floor 1: the revision log, what follows from it (states, views, watches), and the archive that keeps a world."""
