"""The contract with senders: the channels of a project, its AsyncAPI document, and the compatibility of a change."""
