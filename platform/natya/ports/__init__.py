"""What the runtime needs of the world, as protocols. Adapters stand beside: `natya.memory`, `natya.jetstream`, `natya.mongo`."""
