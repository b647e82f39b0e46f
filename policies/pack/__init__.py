"""The rules as a CrossGuard policy pack: `pulumi preview --policy-pack policies/pack` runs what `policy check` runs."""
