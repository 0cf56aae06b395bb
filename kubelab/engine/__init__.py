"""The engine runs components: it watches for them, queues their keys, asks for their plans, and alone sends the calls."""
