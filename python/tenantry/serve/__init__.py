"""The runs folder in the browser: `tenantry serve`."""
