"""JSON Schema of payloads, and samples that it allows."""
