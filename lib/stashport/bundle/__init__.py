"""Our portable file, backups and where they are kept."""
