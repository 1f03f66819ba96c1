"""A greeting: what the smallest stateless kind looks like."""

from pydantic import BaseModel

from natya import StatelessActor, query


class Greeting(BaseModel):
    text: str


class Greeter(StatelessActor, anyone=True):
    """Greets whoever the key names. It keeps nothing, so any node answers."""

    @query
    async def greet(self, greeting: str = "Hello") -> Greeting:
        """A greeting for the key."""
        return Greeting(text=f"{greeting}, {self.key}!")
