"""Droplets that are real hosts: containers with systemd, sshd, cloud-init and a Docker engine of their own."""
