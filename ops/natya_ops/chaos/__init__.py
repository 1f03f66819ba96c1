"""``natya chaos``: break the platform on purpose, under load, and check what it promised."""
