"""``natya up``: the whole platform on one machine, started in order, kept running, ended in order."""
