"""Druid: supervisors, settings of the coordinator, and checks of their documents."""
