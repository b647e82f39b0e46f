"""What the audit trail does: take entries in, anchor the chains, answer reviewers, export, verify."""
