"""Rules for Pulumi's plans, described in docs/policy.md."""
