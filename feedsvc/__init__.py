"""A feed server: an editor writes an article in a form, every subscriber gets it."""
