"""What is done to the network in floats, so that its channels lose less."""
