"""A fleet of cameras before one stack: what limits it, by closed forms and by simulation."""
