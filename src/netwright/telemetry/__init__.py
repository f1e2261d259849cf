"""Events and metrics: everybody above may write here, nothing here knows what it carries."""
