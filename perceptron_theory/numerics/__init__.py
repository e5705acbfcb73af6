"""Numbers: normal tails, quadrature, roots and minima, precision, compilation."""
