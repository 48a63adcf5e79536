"""Each speed claim, side by side with its peer."""
