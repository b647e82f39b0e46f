"""What the Pulumi engine runs, for every stack: the stack's name says which environment and layer is meant."""

import pulumi

from infra.assembly import assemble
from infra.stacks import Stack

assemble(Stack.parse(pulumi.get_stack()))
