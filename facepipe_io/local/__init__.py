"""The pipeline on one machine: a folder, SQLite, local scorers and a report."""
