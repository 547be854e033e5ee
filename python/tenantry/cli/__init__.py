"""Commands of tenantry: parse arguments, call one function, print its result."""
