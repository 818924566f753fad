"""What the async commands do with an open kernel. Importing a module of here imports trio; the commands do it late."""
