"""The page at `/docs`: Swagger UI over `/openapi.json`. Its script and style are those of the package flask-swagger-ui, of which
nothing else is used; what is in this folder sets it up."""
