"""Lists of actors: what of a query string is a search, and how a list goes on. The searching is the store's."""
