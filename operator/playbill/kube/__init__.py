"""All that talks to the API server, on plain dicts: requests, Events, the Lease."""
