"""What the simulations run on: memory, cores, devices and hosts."""
