"""The audit group: what an audit policy's fields are. Its kinds are read from files and never served."""
