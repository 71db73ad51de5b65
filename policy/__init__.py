"""Rules for what Pulumi is about to do: docs/policy.md."""
