"""Getting facepipe onto a device: on the operator's machine, keys and bundles."""
