"""Docker: the engine, the swarm, its volumes, images and services."""
