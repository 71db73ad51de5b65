"""A small HTTP/1.1 server on llhttp."""
