"""How much of the core no test would miss: what `make mutation` runs, reads and writes."""
