"""Authorization: who may do what. RBAC and the node authorizer, asked in turn."""
