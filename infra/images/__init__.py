"""The images of a stack: what each is built from, and building them."""
