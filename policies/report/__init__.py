"""All evidence as one report: HTML for reviewers, SARIF for engineers, OSCAL for auditors, JSON for machines."""
