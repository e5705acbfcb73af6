"""The command line ``pruning-laws``: parse, call the library, print."""
