"""The second opinion: recorded stacks as a Terraform plan, what Checkov says of it, and where we differ and why."""
