"""What the edge serves, a file for each part. Each has a function ``add_routes(app)``."""
