"""The built wheel, installed into clean environments as a user would."""
