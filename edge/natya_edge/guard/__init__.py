"""What stands between the internet and the routes.

From the socket inwards: `listening` makes the server, `doorman` counts connections and ends those that dawdle, `connection` is one
of them. Then, as middleware, `cors` and `rates`. `gcra`, `limit`, `limits` and `sharing` are rate limits and how edges share them;
`addresses` says whose address a request comes from; `response_headers` dresses what leaves.
"""
