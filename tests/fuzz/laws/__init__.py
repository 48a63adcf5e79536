"""What holds of parsers, whatever they are given: one function `bytes -> None` for each."""
