"""Who sends a request: keys that sign our tokens, issuers whose tokens are believed, and what makes a token good."""
