"""Which subnet a network gets, which address an endpoint: pure choice from what is taken."""
