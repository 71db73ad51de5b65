"""The product's commands: deployment, dashboards, ingestion, checks."""
