"""What keeps the edge useful when more comes than can be done.

Three bounds, each a few counters: of all requests (`shedding`), of those of one kind and of one principal (`bulkhead`), and a
breaker for a kind that nobody serves (`breaker`). What is beyond a bound is answered at once, before work was done for it.
"""
