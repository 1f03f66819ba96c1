"""What runs Natya: the whole platform on one machine, workers, and the command line."""
