"""``natya doctor``: looks at servers, streams, nodes and clocks, and says what to do about what is wrong."""
