"""How well the product finds what is wrong: public data, synthetic data and the simulator, all by SQL."""
