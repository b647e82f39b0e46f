"""How what was built reaches an environment: the verbs that workflows call, each with its port to the world outside."""
