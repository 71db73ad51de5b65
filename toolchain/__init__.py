"""What a machine needs to run the program, and how it gets it. Standard library only."""
