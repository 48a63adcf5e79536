"""Custom models: from a folder of pictures to a model on the device."""
