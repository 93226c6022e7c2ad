"""Who may what: principals and their scopes, keys, bearer tokens, sessions, rates, and the audit. Knows no HTTP."""
