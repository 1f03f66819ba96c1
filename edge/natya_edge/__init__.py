"""The HTTP edge: actors for the web.

It knows no actor's code. What it serves it reads off the manifests that nodes publish, and it keeps no state: any number of
edges may run. The way of a request: `middleware` gives it an id and checks who sends it, `routes` reads it strictly, the
platform answers, and `responses` turns answers and problems into HTTP.
"""
