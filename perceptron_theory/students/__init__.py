"""Students that fit every kept label: equations, first guesses, derivatives."""
