"""The authorisation server (OAuth 2): users and clients, tokens for them, and their end."""
