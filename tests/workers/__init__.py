"""What the workers of an engine find, in processes of their own: an app with handlers."""
