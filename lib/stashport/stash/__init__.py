"""The host: everything that talks to a Stash or opens its database."""
