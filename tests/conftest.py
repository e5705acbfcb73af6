"""x64 stays off in the tests: the theory switches it on itself, locally.

Shapes are documented with jaxtyping but not yet checked at run time here: the import
hook slows tracing of the theory several times over (see docs/development.md).
"""
