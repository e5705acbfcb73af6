"""Pictures of what was computed: one module a kind of result."""
