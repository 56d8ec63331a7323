"""One verb a file, thin: read the configuration, call the rooms below, report.  Doors (plugin, command line) call nothing else."""
