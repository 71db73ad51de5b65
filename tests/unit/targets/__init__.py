"""Target digitalocean, without Pulumi and without a network."""
