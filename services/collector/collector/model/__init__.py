"""What is known of an event: its values, its pages, its place and its browser. Imports no other part."""
