"""The commands for custom models."""
