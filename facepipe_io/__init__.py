"""facepipe on the world: cameras, detectors, AWS, files and the command line."""
