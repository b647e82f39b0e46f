"""What a cluster refuses: ValidatingAdmissionPolicies with their bindings, a file each, and how to ask them offline."""
