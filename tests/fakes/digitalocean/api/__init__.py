"""One module a kind of thing; each exports its routes."""
