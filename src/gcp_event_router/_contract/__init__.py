"""What senders may rely on: the channels of a project, its AsyncAPI document, and whether a change of it breaks them."""
