"""The OpenAPI 3.1 document of what is deployed, made from the manifests that nodes publish.

`kinds` describes one kind, `platform` what the edge has beside actors, `problems` what can go wrong; `document` puts them together
and keeps the result for as long as no manifest changes.
"""
