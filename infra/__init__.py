"""The AWS estate as Pulumi programs: which stacks there are, what each is made of, what a run would make."""
