"""The commands for what runs on one machine."""
