"""Druid: supervisors, settings of the coordinator, and validation of both."""
