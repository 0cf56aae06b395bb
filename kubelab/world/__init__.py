"""Floor 0: virtual time, wakes, named random streams, timing, and the codec that saves a world without code."""
