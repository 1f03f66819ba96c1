"""A typed Python client of what is deployed, as one module, made from the edge's OpenAPI document.

`models` turns the document's schemas into classes, with datamodel-code-generator; `module` adds a class for each kind, whose
methods are the kind's, and `runtime`, which is copied into every client as it stands.
"""
