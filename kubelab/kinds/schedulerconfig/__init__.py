"""The group of the scheduler's configuration: what the fields of its file are. Its kinds are read from files and never served."""
