"""An event on its way from the signal to the handlers: lookup, pipeline, payload."""
